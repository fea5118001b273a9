"""Work that tests have done in another process; a module of little weight, for that process imports it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from monitoring.errors import FleetError


def add(left: int, right: int) -> int:
    return left + right


def told(progress: Callable[[float, str], None]) -> int:
    progress(0.5, "half")
    return os.getpid()


def refuse() -> None:
    error = FleetError("it is wrong", where="here", mend="Mend it.")
    error.problems = ("one", "two")
    raise error


def die() -> None:
    os._exit(3)


def wait(progress: Callable[[float, str], None]) -> None:
    progress(0.0, "begun")
    time.sleep(3600)
