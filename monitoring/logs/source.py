"""Log sources. A new kind is one new file in this folder that registers a function with `@source(name)`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from monitoring.errors import SourceError
from monitoring.fleet import Log
from monitoring.logs.engine import DuckEngine

PART = "__leeway_part"
"""The column, hidden from mappings, that holds the name of the part a row comes from."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a log that changes as a whole: a file. `stamp` changes whenever its content may have."""

    name: str
    stamp: str


class Times(NamedTuple):
    """The first and the last moment of a part's rows (seconds since 1970), and its rows without a time."""

    first: float
    last: float
    undated: int


class Source(Protocol):
    """A place with log rows."""

    def parts(self) -> list[Part]:
        """The pieces the log consists of; one, with an empty stamp, where changes cannot be seen from outside."""

    def provide(self, engine: DuckEngine, relation: str, parts: Sequence[Part]) -> None:
        """Make the rows of these parts a relation of that name in the engine."""

    def times(self, part: Part, column: str) -> Times | None:
        """What a part says of a time column without its rows being read; None where they must be."""


Opener = Callable[[Log, Path], Source]
_OPENERS: dict[str, Opener] = {}


def source(name: str) -> Callable[[Opener], Opener]:
    """Register an opener under the name used in the fleet file."""

    def register(opener: Opener) -> Opener:
        _OPENERS[name] = opener
        return opener

    return register


def names() -> list[str]:
    """The registered kinds of source."""
    _discover()
    return sorted(_OPENERS)


def open_source(log: Log, base: Path) -> Source:
    """Open a log; relative locations start from `base`. Raises SourceError where it is not there."""
    _discover()
    if log.source not in _OPENERS:
        raise SourceError(f"no source is called {log.source!r}", where=log.place, mend=f"Known: {', '.join(names())}.")
    return _OPENERS[log.source](log, base)


@cache
def _discover() -> None:
    package = importlib.import_module("monitoring.logs")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"monitoring.logs.{module.name}")
