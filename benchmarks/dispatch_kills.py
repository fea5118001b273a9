"""SIGKILL a dispatcher at random moments, again and again: python benchmarks/dispatch_kills.py --kills 500.

Models have requests approved all the while; half are retrained by a webhook, whose receiver is a process of its own and
takes whatever comes, as often as it comes, and half by a command that writes down each of its starts. Some requests are
cancelled. Afterwards: no order was taken twice, none was lost, every request has its candidate or is cancelled, and no
run of a cancelled one goes on unasked. Exits 1 where not. `--database URL` takes an empty PostgreSQL instead of SQLite.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import select

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import killing  # noqa: E402
from monitoring import leasing  # noqa: E402
from monitoring.core.retraining import asking  # noqa: E402
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest  # noqa: E402
from monitoring.core.retraining.state import State  # noqa: E402
from monitoring.dispatchers.registry import kinds  # noqa: E402
from monitoring.dispatching import orders  # noqa: E402
from monitoring.dispatching.desk import Desk  # noqa: E402
from monitoring.dispatching.thread import Dispatching  # noqa: E402
from monitoring.notifiers.guard import Reach  # noqa: E402
from monitoring.notifiers.http import Http  # noqa: E402
from monitoring.settings import Settings  # noqa: E402
from monitoring.store import retrains  # noqa: E402
from monitoring.store.database import connect, create, reading, transaction  # noqa: E402
from monitoring.store.tables import ModelRow, RetrainRow  # noqa: E402

LONGEST = 0.35
"""Seconds that a dispatcher may live, from its connection to the database on, before it is killed."""
TAKES = 0.01
"""Seconds that the receiver takes to act upon an order before it answers."""
SETTLES = timedelta(seconds=1)
"""Longer than any order is on its way here."""
TRAIN = """
import json, os
with open(os.environ["STARTS"], "a") as out:
    out.write(os.environ["LEEWAY_ORDER_ID"] + "\\n")
print(json.dumps({"state": "candidate", "version": "2"}))
"""


def receive(pipe: Connection, file: str) -> None:
    """Take every order that comes, and write it down before answering. A run brings its version out at once.

    One after the other, as they were connected: an order that a killed dispatcher sent is taken before anybody who asks
    for it later is answered, however slow this process is.
    """
    runs = dict[str, str]()
    out = open(file, "a", buffering=1)  # noqa: SIM115 - as long as the process

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the dispatcher was killed in the midst of it: no receiver takes half a request
            order = json.loads(body)["data"]
            out.write(json.dumps([order["action"], order["id"], order["run"]]) + "\n")
            runs[order["id"]] = order["action"]
            time.sleep(TAKES)
            self.answer(202, {"run": order["id"]})

        def do_GET(self) -> None:
            known = self.path.partition("=")[2].replace("%2F", "/") in runs
            self.answer(200 if known else 404, {"state": "candidate", "version": "2"})

        def answer(self, status: int, document: object) -> None:
            with contextlib.suppress(OSError):  # whoever asked was killed
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None: ...

    class Server(HTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


def now() -> datetime:
    return datetime.now(UTC)


def dispatch(url: str, home: Path, ready: int | None) -> None:
    """A dispatcher with short claims and pauses, so that what a killed one held is soon free again."""
    orders.CLAIM, leasing.POLL = 1.0, 0.005
    Dispatching.claim, Dispatching.threads = 1.0, 8
    kinds()["webhook"].settles = SETTLES
    for kind in kinds().values():
        kind.pace = (0.05, 0.2)
    store = connect(url)
    environment = {**os.environ, "STARTS_FILE": str(home / "starts")}
    settings = Settings(home=home, commands="{python} -c")
    http = Http(Reach(loopback=True), seconds=60)
    one = Dispatching(Desk(store, settings, http, environment, now, random.random))
    killing.live(one, store, ready, 300, now)


def main() -> int:
    options = killing.options(__doc__.splitlines()[0], 500)
    chance = random.Random(options.seed)
    began = time.monotonic()
    kinds()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        url = options.database or f"sqlite:///{place}/dispatch.db"
        here, there = get_context("spawn").Pipe()
        receiver = get_context("spawn").Process(target=receive, args=(there, str(home / "came")), daemon=True)
        receiver.start()
        port = here.recv()
        store = connect(url)
        create(store)
        killed, requests = 0, []
        for number in range(options.kills):
            key = f"m{number}"
            by_hook = chance.random() < 0.5
            with transaction(store) as session:
                requests.append((ask(session, key, document(port, by_hook)), by_hook))
            if number and chance.random() < 0.2:
                end(store, f"m{number - 1}-1")
            store.dispose()  # a child must not inherit a connection
            killed += killing.killed(lambda ready: dispatch(url, home, ready), chance.uniform(0, LONGEST))
        left = killing.left(store)
        store.dispose()
        dispatch(url, home, None)
        receiver.terminate()
        came = [json.loads(line) for line in (home / "came").read_text().splitlines()]
        starts = (home / "starts").read_text().splitlines()
        with reading(store) as session:
            states = {key: state for key, state in session.execute(select(RetrainRow.key, RetrainRow.state))}
        store.dispose()
    return report(requests, came, starts, states, killed, left, time.monotonic() - began)


def document(port: int, by_hook: bool) -> dict[str, object]:
    if by_hook:
        url = f"http://127.0.0.1:{port}"
        return {"kind": "webhook", "url": url, "status_url": f"{url}/?order={{order}}"}
    return {"kind": "command", "command": ["{python}", "-c", TRAIN], "environment": {"STARTS": "${STARTS_FILE}"}}


def ask(session: object, key: str, dispatcher: dict[str, object]) -> str:
    """A model with an approved request."""
    session.add(  # type: ignore[attr-defined]
        ModelRow(key=key, name=key, task="regression", mode="batch", target="server", base=".", created_at=now(),
                 updated_at=now(), document={"retraining": {"dispatcher": dispatcher}})
    )  # fmt: skip
    made = RetrainRequest(
        key, 0, key, "", Cause.PERSON, "why not", "ann", key, State.REQUESTED, now(), now(), Policy("webhook")
    )
    request, _ = retrains.open_request(session, made, (), now())  # type: ignore[arg-type]
    act = partial(asking.approve, actor="bob", now=now(), train_until=None)
    return retrains.change(session, request.key, act, now()).request.key  # type: ignore[arg-type]


def end(store: object, key: str) -> None:
    """Cancel a request, where it is not too late."""
    act = partial(asking.cancel, actor="ann", now=now(), reason="not wanted")
    try:
        with transaction(store) as session:  # type: ignore[arg-type]
            retrains.change(session, key, act, now())
    except retrains.RetrainError:
        return


def report(
    requests: list[tuple[str, bool]], came: list[list[str]], starts: list[str], states: dict[str, str], killed: int,
    left: int, took: float,
) -> int:  # fmt: skip
    taken = Counter(identity for action, identity, _ in came if action == "retrain") + Counter(starts)
    ended = {run for action, _, run in came if action == "cancel"}
    twice = [identity for identity, times in taken.items() if times > 1]
    lost = [key for key, _ in requests if states[key] != "cancelled" and f"{key}/1" not in taken]
    unended = [
        key for key, by_hook in requests
        if by_hook and states[key] == "cancelled" and f"{key}/1" in taken and f"{key}/1" not in ended
    ]  # fmt: skip
    found = {
        "kills": killed, "orders": len(requests), "open at the last kill": left, "taken": len(taken),
        "taken twice": len(twice), "lost": len(lost), "cancelled and not ended": len(unended),
        "states": dict(Counter(states.values())), "seconds": round(took, 1),
    }  # fmt: skip
    print(json.dumps(found))
    good = not twice and not lost and not unended and set(states.values()) <= {"candidate", "cancelled"}
    if not good:
        print(json.dumps({"twice": twice, "lost": lost, "not ended": unended}), file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
