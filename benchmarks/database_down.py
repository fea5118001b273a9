"""The database is away for a minute of a real worker's life: python -m benchmarks.database_down sqlite | postgresql.

A worker process with the default settings watches three models and sends to a real HTTP receiver. It is told of the
first when its database goes (PostgreSQL: its server is stopped; SQLite: another process holds the lock for writing),
and is answered a second later, so what was delivered cannot be written down. The second has been breached just
before, the third is while the database is away. After 60 s it is there again. Prints what was received how often and
what is in the outbox; exit status 1 where something was lost, or sent twice, or the worker ended.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, func, select, text

from benchmarks.delivery import ROOT, breach, fleet, wait_for_evaluation
from benchmarks.receiving import Receiver
from monitoring.store.database import connect, reading
from monitoring.store.tables import AlertEventRow, AlertRow, EvaluationRow, HeartbeatRow, OutboxRow
from tests.postgres import serving

AWAY, PATIENCE, QUIET = 60.0, 240.0, 45.0
"""Seconds: without the database; for what must come; in which nothing more may."""


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A database, and how it goes and comes back."""
    url, held = f"sqlite:///{folder / 'leeway.db'}", []

    def go() -> None:
        engine = create_engine(url, isolation_level=None)
        connection = engine.connect()
        connection.execute(text("PRAGMA busy_timeout=60000"))
        connection.execute(text("BEGIN EXCLUSIVE"))
        held.append(connection)

    def come() -> None:
        held.pop().execute(text("ROLLBACK"))

    yield url, go, come


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """The same with a server of its own."""
    with serving(careless=False) as server:
        yield server.url, server.stop, server.start


def run(kind: str) -> bool:
    """Whether nothing was lost and nothing sent twice."""
    with (
        tempfile.TemporaryDirectory() as place,
        {"sqlite": sqlite, "postgresql": postgresql}[kind](Path(place)) as parts,
    ):
        folder, (url, go, come), receiver = Path(place), parts, Receiver()
        receiver.answer.clear()  # the first message waits until the database is gone
        environment = os.environ | {"LEEWAY_DATABASE": url, "LEEWAY_HOME": place, "LEEWAY_LOOPBACK": "allowed"}
        leeway = [sys.executable, "-m", "monitoring"]
        file = fleet(folder, 3, receiver.url, datetime.now(UTC))
        subprocess.run([*leeway, "apply", str(file)], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        with (folder / "worker.log").open("wb") as out:
            worker = subprocess.Popen([*leeway, "worker"], env=environment, cwd=ROOT, stdout=out, stderr=out)
            try:
                wait_for_evaluation(url, 3)
                breach(folder / "m0")
                time.sleep(25)  # the second is heard of, and waits for its group, as the first is told
                breach(folder / "m1")
                assert receiver.first.wait(PATIENCE), "nothing came before the database went"
                go()
                gone = time.monotonic()
                time.sleep(1)
                receiver.answer.set()
                time.sleep(20)
                breach(folder / "m2")
                time.sleep(max(0.0, AWAY - (time.monotonic() - gone)))
                while_away = dict(receiver.ids)
                come()
                away, back = time.monotonic() - gone, time.monotonic()
                while receiver.told != {"m0", "m1", "m2"} and time.monotonic() < back + PATIENCE:
                    time.sleep(0.2)
                told_after = time.monotonic() - back
                time.sleep(QUIET)
                lives = worker.poll() is None
                found = _found(url, receiver)
            finally:
                worker.terminate()
                worker.wait(60)
        lost = (folder / "worker.log").read_text().count("did not answer")
        shown = {
            "database": kind, "away s": round(away, 1), "told of all s after it came back": round(told_after, 1),
            "sent while it was away": sum(while_away.values()), "times logged that it did not answer": lost,
            "worker lives": lives, **found,
        }  # fmt: skip
        print(json.dumps(shown), flush=True)
        same = found["received"] == found["sent"] and found["waiting or dead"] == 0 and found["gaps in histories"] == 0
        return lives and same and found["most of one id"] == 1 and receiver.told == {"m0", "m1", "m2"}


def _found(url: str, receiver: Receiver) -> dict[str, int]:
    store = connect(url)
    with reading(store) as session:
        rows = session.scalars(select(OutboxRow)).all()
        counted = session.execute(
            select(AlertRow.events, func.count(AlertEventRow.id), func.max(AlertEventRow.seq))
            .join(AlertEventRow, AlertEventRow.alert_id == AlertRow.id).group_by(AlertRow.id, AlertRow.events)
        ).all()  # fmt: skip
        beat = session.get(HeartbeatRow, "worker")
        age = 999.0 if beat is None else (datetime.now(UTC) - beat.at).total_seconds()
        found = {
            "alerts": session.scalar(select(func.count()).select_from(AlertRow)) or 0,
            "evaluations": session.scalar(select(func.count()).select_from(EvaluationRow)) or 0,
            "sent": sum(row.state == "sent" for row in rows),
            "waiting or dead": sum(row.state != "sent" for row in rows),
            "received": len(receiver.ids), "most of one id": max(receiver.ids.values(), default=0),
            "gaps in histories": sum(len({*each}) != 1 for each in counted), "heartbeat s ago": round(age),
        }  # fmt: skip
    store.dispose()
    return found


def main() -> int:
    """One database, or both in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgresql"], metavar="sqlite | postgresql")
    return 0 if all([run(kind) for kind in parser.parse_args().kinds]) else 1


if __name__ == "__main__":
    sys.exit(main())
