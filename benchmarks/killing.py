"""What the benchmarks that kill have in common: lives that end by SIGKILL, and one that ends when all is done."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, func, select

from monitoring.leasing import Leasing
from monitoring.store import outbox
from monitoring.store.database import reading
from monitoring.store.tables import OutboxRow


def options(words: str, kills: int) -> argparse.Namespace:
    """--kills, --database and --seed."""
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--database", help="a SQLAlchemy URL of an empty database; SQLite in a folder of its own else")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def killed(live: Callable[[int], None], seconds: float) -> bool:
    """Let a child live from when it writes to the pipe it is given, and kill it so many seconds later; whether it was
    the kill that ended it. The caller holds no connection that the child could inherit."""
    started, ready = os.pipe()
    child = os.fork()
    if not child:
        try:
            live(ready)
        finally:
            os._exit(0)
    os.close(ready)
    os.read(started, 1)
    os.close(started)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def live(one: Leasing, store: Engine, ready: int | None, seconds: float, clock: Callable[[], datetime]) -> None:
    """Run until it is killed, from its first look into the outbox on; with no pipe, until all is done or time is up."""
    if ready is not None:
        with reading(store) as session:
            outbox.due(session, clock(), one.kinds)
        os.write(ready, b"!")
        one.run()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        one.settle()
        if not left(store):
            break
        time.sleep(0.05)
    one.close()
    store.dispose()


def left(store: Engine) -> int:
    """Rows of the outbox that are not done with."""
    with reading(store) as session:
        return session.scalar(select(func.count()).where(OutboxRow.state.in_(outbox.OPEN))) or 0
