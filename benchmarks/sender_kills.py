"""SIGKILL a sender at random moments, again and again: python benchmarks/sender_kills.py --kills 1000 [--database URL].

Notifications go into the outbox all the while, for three targets in several lanes; the receiver is a process of its own
and writes down what comes. Afterwards: nothing is lost, no row is left, whatever came twice came with the same id and
the same body, no kill had a target told twice of more than one thing, and every lane came in order. Exits 1 where not.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import delete, select

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import killing  # noqa: E402
from monitoring import leasing  # noqa: E402
from monitoring.core.alerting.notification import Notification, NotifyReason  # noqa: E402
from monitoring.notifiers.guard import Reach  # noqa: E402
from monitoring.notifiers.http import Http  # noqa: E402
from monitoring.notifiers.registry import kinds, parse  # noqa: E402
from monitoring.sender import Sender  # noqa: E402
from monitoring.store import channels, outbox  # noqa: E402
from monitoring.store.database import connect, create, reading, transaction  # noqa: E402
from monitoring.store.tables import ChannelRow, OutboxRow  # noqa: E402

TARGETS, LANES, A_KILL, LONGEST = ("a", "b", "c"), 5, 2, 0.25
"""`LONGEST`: seconds that a sender may live, from its connection to the database on, before it is killed."""


def receive(pipe: Connection, file: str) -> None:
    """Append target and body of every request before answering it."""
    lock = threading.Lock()
    out = open(file, "a", buffering=1)  # noqa: SIM115 - as long as the process

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length).decode()
            if len(body) < length:
                return  # the sender was killed in the midst of it: no receiver takes half a request
            with lock:
                out.write(json.dumps([self.path[1:], self.headers["webhook-id"], body]) + "\n")
            time.sleep(0.004)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


def now() -> datetime:
    return datetime.now(UTC)


def send(url: str, ready: int | None, environment: Mapping[str, str]) -> None:
    """A sender with short claims and pauses, so that what a killed one held is soon free again."""
    Sender.claim, leasing.POLL = 0.5, 0.005
    store = connect(url)
    one = Sender(store, Http(Reach(loopback=True), seconds=5), environment, now, random.random)
    killing.live(one, store, ready, 900, now)


def main() -> int:
    options = killing.options(__doc__.splitlines()[0], 1_000)
    chance = random.Random(options.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        url = options.database or f"sqlite:///{place}/outbox.db"
        came = Path(place) / "came.jsonl"
        here, there = get_context("spawn").Pipe()
        receiver = get_context("spawn").Process(target=receive, args=(there, str(came)), daemon=True)
        receiver.start()
        port = here.recv()
        store = connect(url)
        create(store)
        with transaction(store) as session:
            session.execute(delete(OutboxRow))
            session.execute(delete(ChannelRow))
            documents = [{"name": t, "kind": "webhook", "url": f"http://127.0.0.1:{port}/{t}"} for t in TARGETS]
            channels.apply(session, [parse(d) for d in documents], "benchmark", now())
        kinds()
        put, number, killed = [], 0, 0
        for _ in range(options.kills):
            with transaction(store) as session:
                for _ in range(A_KILL):
                    lane, key = str(number % LANES), f"n{number}"
                    told = Notification(key, lane, NotifyReason.FIRST, "", key, key, "", "page", (), "", "", now())
                    for target in chance.sample(TARGETS, chance.randint(1, 3)):
                        outbox.notify(session, told, target, lane, now())
                        put.append((target, key, lane))
                    number += 1
            store.dispose()  # a child must not inherit a connection
            killed += killing.killed(lambda ready: send(url, ready, {}), chance.uniform(0, LONGEST))
        left = killing.left(store)
        store.dispose()
        send(url, None, {})
        receiver.terminate()
        got = [json.loads(line) for line in came.read_text().splitlines()]
        with reading(store) as session:
            states = Counter(session.scalars(select(OutboxRow.state)))
        store.dispose()
    return report(put, got, states, killed, left, time.monotonic() - began)


def report(
    put: list[tuple[str, str, str]], got: list[list[str]], states: Counter[str], killed: int, left: int, took: float
) -> int:
    times = Counter((target, key) for target, key, _ in got)
    lost = [p for p in put if (p[0], p[1]) not in times]
    repeated = sum(times.values()) - len(times)
    bodies = {(target, key): set[str]() for target, key, _ in got}
    for target, key, body in got:
        bodies[(target, key)].add(json.dumps(json.loads(body)["data"], sort_keys=True))
    lane_of = {key: lane for _, key, lane in put}
    wrong_order = 0
    for target in TARGETS:
        for lane in {lane for *_, lane in put}:
            firsts = list(dict.fromkeys(int(k[1:]) for t, k, _ in got if t == target and lane_of[k] == lane))
            wrong_order += firsts != sorted(firsts)
    found = {
        "kills": killed, "notifications": len(put), "open at the last kill": left, "lost": len(lost),
        "sent again": repeated, "most often": max(times.values()),
        "bodies that differ": sum(len(b) > 1 for b in bodies.values()), "lanes out of order": wrong_order,
        "states": dict(states), "seconds": round(took, 1),
    }  # fmt: skip
    print(json.dumps(found))
    good = not lost and not wrong_order and set(states) == {"sent"} and not found["bodies that differ"]
    return 0 if good and repeated <= killed * len(TARGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
