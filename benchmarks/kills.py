"""The worker is killed (SIGKILL) at random, again and again: is an alert lost or doubled, is anything sent twice?

    python -m benchmarks.kills [--kills 1000] [--database sqlite:////tmp/kills.db] [--seed 1]

A child does what the worker does after an evaluation (store the verdicts, decide on alerts, keep their time) and sends
to a real HTTP receiver in a process of its own, by a clock that runs faster than the real one. Models are bad and good
in turns of 21 minutes; a turn ends when it was told, and how many there were is written down, so it is known which
episodes there must be. The parent kills the first child once a model is bad, the others after a random time each, and
forks the next. In the end no new turn begins, and one child may live until everything is said. Prints what was found;
exit status 1 where an alert was lost or doubled, or something was sent again more often than once a kill and target.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from monitoring import alerting, sender
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.notifiers.registry import parse
from monitoring.settings import Settings
from monitoring.store import channels
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import AlertEventRow, AlertRow, HeartbeatRow, ModelRow, NotificationGroupRow, OutboxRow
from monitoring.store.verdicts import save

START = datetime(2026, 5, 20, 12, tzinfo=UTC)
MODELS, TARGETS = 8, ("a", "b")
PHASE = timedelta(minutes=21)
"""How long at least a model is bad, and then good: less than four changes within an hour, so that none is flapping."""
LAST = "last"
"""The row that says that no new turn begins."""
CLAIM = 3.0
"""Real seconds that a sender's claim holds, so that a slow machine does not look like a lost claim."""


@dataclass(frozen=True)
class Found:
    """What there was in the end. `untold` counts things whose episodes were not all told as firing and as resolved;
    `unsent` rows of the outbox that the receiver never got; `unknown_ids` what it got that is in no outbox."""

    episodes_expected: int
    episodes: int
    still_open: int
    untold: int
    unsent: int
    unknown_ids: int
    gaps_in_histories: int
    kills: int
    sends: int
    sent_again: int
    most_of_one_id: int
    seconds: float

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, and sent again at most once a kill and target."""
        wrong = self.still_open + self.untold + self.unsent + self.unknown_ids + self.gaps_in_histories
        return wrong == 0 and self.episodes == self.episodes_expected and self.sent_again <= self.kills * len(TARGETS)


@dataclass(frozen=True)
class Fast:
    """A clock: `speed` seconds a real one."""

    began: float
    speed: float

    def now(self) -> datetime:
        """The moment it shows."""
        return START + (time.monotonic() - self.began) * self.speed * timedelta(seconds=1)


def run(database: str, kills: int, seed: int, speed: float, life: tuple[float, float]) -> Found:
    """Kill a worker so many times, after a random time of its `life` (seconds) each."""
    logging.disable(logging.ERROR)
    began = time.monotonic()
    chance = random.Random(seed)
    lives = [chance.uniform(*life) for _ in range(kills)]
    store = connect(database)
    create(store)
    with tempfile.TemporaryDirectory() as folder, _receiver(Path(folder)) as port:
        settings = Settings(database=database, outgoing_hosts=f"127.0.0.1:{port}", loopback="allowed")
        _prepare(store, port)
        store.dispose()
        clock = Fast(time.monotonic(), speed)
        child = _fork(settings, clock)
        _turn(store)
        _kill(child)
        for seconds in lives:
            child = _fork(settings, clock)
            time.sleep(seconds)
            _kill(child)
        with transaction(store) as session:
            session.add(HeartbeatRow(name=LAST, at=START, detail=""))
        store.dispose()
        child = _fork(settings, clock)
        try:
            _settle(store)
        finally:
            _kill(child)
        received = [line.split() for line in (Path(folder) / "received").read_text().splitlines()]
        return _found(store, kills + 1, Counter((path, id_) for path, id_ in received), time.monotonic() - began)


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _turn(store: Engine) -> None:
    """Wait until a model is bad, five minutes at most: on a slow machine no short life may get so far, and then there
    would be nothing to lose."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with reading(store) as session:
            if any(_turns(session)):
                break
        time.sleep(0.05)
    store.dispose()  # no connection is open when the next child is forked


def _fork(settings: Settings, clock: Fast) -> int:
    child = os.fork()
    if child == 0:
        try:
            _work(settings, clock)
        finally:
            os._exit(1)
    return child


def _work(settings: Settings, clock: Fast) -> None:
    """What the worker does, with a script in the place of logs: it ends when it is killed."""
    sender.Sender.claim = CLAIM * clock.speed
    store = connect(settings.database)
    stop = threading.Event()
    with reading(store) as session:
        ids = {key: id_ for id_, key in session.execute(select(ModelRow.id, ModelRow.key))}
    sender.start(store, settings, clock.now, stop)
    alerting.TICK = 0.05
    alerting.start(store, settings, clock.now, stop)
    while True:
        for key, id_ in ids.items():
            now = clock.now()
            with reading(store) as session:
                turn = session.get_one(HeartbeatRow, key)
                bad, over = int(turn.detail) % 2 == 1, _over(session, turn, now)
            with transaction(store) as session:
                save(session, id_, [_verdict(key, Status.BREACHED if bad else Status.OK)], now)
            alerting.hear(store, now, settings, [key])
            if over:
                with transaction(store) as session:
                    turn = session.get_one(HeartbeatRow, key)
                    turn.at, turn.detail = now, str(int(turn.detail) + 1)
        time.sleep(0.02)


def _over(session: Session, turn: HeartbeatRow, now: datetime) -> bool:
    """Whether a turn has lasted and was told. The first is good, and there is nothing to tell of it."""
    number = int(turn.detail)
    if now - turn.at < PHASE or (number % 2 == 0 and session.get(HeartbeatRow, LAST) is not None):
        return False
    rows = session.scalars(
        select(OutboxRow.payload).where(OutboxRow.target == TARGETS[0], OutboxRow.created_at > turn.at)
    )
    state = "firing" if number % 2 == 1 else "resolved"
    told = any(payload["model"] == turn.name and payload["lines"][0]["state"] == state for payload in rows)
    return number == 0 or told


def _verdict(key: str, status: Status) -> Verdict:
    window = Window(START - timedelta(days=1), START, 1000)
    value = 0.9 if status == Status.BREACHED else 0.0
    return Verdict(key, "quality.missing", window, status, f"Missing {value}.", column="x", value=value, breached=0.2)


def _prepare(store: Engine, port: int) -> None:
    with transaction(store) as session:
        for number in range(MODELS):
            key = f"m{number}"
            session.add(HeartbeatRow(name=key, at=START - number * PHASE / MODELS, detail="0"))
            about = dict(task="regression", mode="batch", target="cloud", owner="ops", base="/")
            session.add(ModelRow(key=key, name=key, document={"key": key}, created_at=START, updated_at=START, **about))
        made = [{"name": name, "kind": "webhook", "url": f"http://127.0.0.1:{port}/{name}"} for name in TARGETS]
        channels.apply(session, [parse(document) for document in made], "benchmark", START)


def _settle(store: Engine) -> None:
    """Wait until every model is good again, all is resolved and all is sent: five minutes at most."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with reading(store) as session:
            open_groups = select(NotificationGroupRow.id).where(NotificationGroupRow.closed_at.is_(None)).limit(1)
            to_send = select(OutboxRow.id).where(OutboxRow.state != "sent").limit(1)
            waits = session.scalar(open_groups) is not None or session.scalar(to_send) is not None
            bad = any(turn % 2 for turn in _turns(session))
        if not waits and not bad:
            return
        time.sleep(0.2)


def _turns(session: Session) -> list[int]:
    return [int(text) for text in session.scalars(select(HeartbeatRow.detail).where(HeartbeatRow.name.like("m_")))]


def _found(store: Engine, kills: int, received: Counter[tuple[str, str]], seconds: float) -> Found:
    with reading(store) as session:
        alerts = session.execute(select(AlertRow.id, AlertRow.fingerprint, AlertRow.closed_at, AlertRow.events)).all()
        seqs = Counter(session.scalars(select(AlertEventRow.alert_id)))
        highest = dict(
            tuple(row) for row in session.execute(
                select(AlertEventRow.alert_id, func.max(AlertEventRow.seq)).group_by(AlertEventRow.alert_id)
            )
        )  # fmt: skip
        outbox = list(session.scalars(select(OutboxRow)))
        turns = _turns(session)
    store.dispose()
    told = {state: Counter[str]() for state in ("firing", "resolved")}
    for state, counted in told.items():
        lines = [line for row in outbox if row.target == TARGETS[0] for line in row.payload["lines"]]
        once = {(line["fingerprint"], line["since"]) for line in lines if line["state"] == state}
        counted.update(fingerprint for fingerprint, _ in once)
    episodes = Counter(fingerprint for _, fingerprint, _, _ in alerts)
    put = {(row.target, row.dedup_key) for row in outbox}
    return Found(
        episodes_expected=sum((turn + 1) // 2 for turn in turns),
        episodes=len(alerts),
        still_open=sum(closed is None for _, _, closed, _ in alerts),
        untold=sum(told[state][f] != n for state in told for f, n in episodes.items()),
        unsent=sum(row.state != "sent" for row in outbox) + len(put - set(received)),
        unknown_ids=len(set(received) - put),
        gaps_in_histories=sum(not seqs[id_] == highest.get(id_) == events for id_, _, _, events in alerts),
        kills=kills,
        sends=received.total(),
        sent_again=received.total() - len(received),
        most_of_one_id=max(received.values(), default=0),
        seconds=round(seconds, 1),
    )


@contextlib.contextmanager
def _receiver(folder: Path) -> Iterator[int]:
    """A receiver in a process of its own; what it got it writes down before it answers."""
    command = [sys.executable, "-m", "benchmarks.kills", "--receive", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _receive(folder: Path) -> None:
    lock = threading.Lock()
    with (folder / "received").open("a") as out:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                with lock:
                    out.write(f"{self.path.strip('/')} {self.headers['webhook-id']}\n")
                    out.flush()
                time.sleep(0.01)  # so that some are killed between the answer and writing it down
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=300.0, help="seconds of the clock a real second")
    parser.add_argument("--longest", type=float, default=0.8, help="longest life of a child in seconds")
    parser.add_argument("--receive", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        _receive(given.receive)
    with tempfile.TemporaryDirectory() as folder:
        database = given.database or f"sqlite:///{folder}/kills.db"
        found = run(database, given.kills, given.seed, given.speed, (0.05, given.longest))
    print(json.dumps(asdict(found), indent=2))
    print("good" if found.good else "NOT GOOD")
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
