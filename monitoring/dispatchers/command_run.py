"""What is known of one command that was ordered: a folder, and the locks of those who live."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers import told

PYTHON = "{python}"
"""Stands for Leeway's own interpreter in a command."""
READ = 8_000_000
"""Bytes at the end of a command's output that are read."""


class Run:
    """What is known of one order's command: a folder that the process beside it writes into.

    `claim` is made by whoever may start the command, or keeps it from ever being started: one of them, by O_EXCL.
    `beside.lock` is held while the process beside the command lives, `run.lock` while the command or any of its own
    does: a lock ends with its holders, so a number that another process has by now misleads nobody.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    @classmethod
    def of(cls, home: Path, order: str) -> Run:
        """The run of an order's id."""
        readable = re.sub(r"[^A-Za-z0-9.-]+", "-", order).strip(".-")[:80]
        return cls((home / "orders" / f"{readable}-{hashlib.sha256(order.encode()).hexdigest()[:12]}").resolve())

    def prepare(self, order: Order, words: Sequence[str], folder: Path, grace: float) -> None:
        """Write down what is to be run. Written anew it is the same."""
        (self.place / "out").mkdir(parents=True, exist_ok=True)
        self.write("order.json", order.as_json())
        said = [sys.executable if word == PYTHON else word for word in words]
        self.write("job.json", {"command": said, "folder": str(folder), "grace": grace})

    def claim(self) -> bool:
        """Whether it is ours alone to start, or to keep from starting."""
        try:
            os.close(os.open(self.place / "claim", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    @property
    def claimed(self) -> bool:
        """Whether somebody has it."""
        return (self.place / "claim").exists()

    def write(self, name: str, document: Any) -> None:
        """All of a file, or nothing."""
        beside = self.place / f".{name}.{os.getpid()}.{time.monotonic_ns()}"
        with open(beside, "w", encoding="utf-8") as out:
            json.dump(document, out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, self.place / name)

    def read(self, name: str) -> dict[str, Any] | None:
        """A file that `write` wrote, None where it is not there."""
        try:
            return told.document((self.place / name).read_text(encoding="utf-8"))
        except OSError:
            return None

    def held(self, name: str) -> bool:
        """Whether a process holds a lock."""
        try:
            with open(self.place / name, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def report(self) -> Report | None:
        """How it stands."""
        if not self.claimed:
            return None
        lives = self.held("beside.lock") or self.held("run.lock")
        ended = self.read("exit.json")  # after the locks: whoever lets go of them has written this before
        last = self.last()
        if ended is None and lives:
            state = RunState.RUNNING if (self.place / "child.json").exists() else RunState.QUEUED
            return Report(state, last.progress, last.message) if last else Report(state)
        if ended is None:
            return Report(RunState.FAILED, message="It was killed, or the machine was started anew.")
        if ended.get("error"):
            return Report(RunState.FAILED, message=str(ended["error"]))
        code = ended.get("code")
        if code != 0:
            how = f"It ended with {code}" if isinstance(code, int) and code > 0 else f"It was ended by signal {code}"
            why = self.end_of("stderr.txt")
            return Report(RunState.FAILED, message=f"{how}: {why}" if why else f"{how}.")
        order = self.read("order.json") or {}
        if last is not None and last.state == RunState.CANDIDATE:
            return Report(
                RunState.CANDIDATE, 1.0, last.message, last.version, last.metrics, last.cost, url=last.url
            )  # fmt: skip
        if last is not None and last.state == RunState.FAILED:
            return Report(RunState.FAILED, message=last.message or "It says that it failed.")
        if order.get("action") == Action.RETRAIN:
            words = 'It ended well, but named no version: it has to print {"state": "candidate", "version": "…"}.'
            return Report(RunState.FAILED, message=words)
        return Report(RunState.DONE, 1.0, last.message if last else "")

    def last(self) -> Report | None:
        """What it told of itself: the newest line, of a candidate once it has named one; progress only grows."""
        found: Report | None = None
        for line in self._lines():
            said = told.document(line)
            one = None if said is None else told.report(said)
            if one is None:
                continue
            if found is not None and found.state == RunState.CANDIDATE and one.state == RunState.RUNNING:
                continue
            if found is not None:
                progress = found.progress if one.progress is None else one.progress
                quiet = not one.message and one.state == RunState.RUNNING
                one = replace(one, progress=progress, message=found.message if quiet else one.message)
            found = one
        return found

    def end_of(self, name: str, letters: int = told.LONGEST) -> str:
        """The end of a text, on one line."""
        with suppress(OSError), open(self.place / name, "rb") as text:
            text.seek(max(0, os.fstat(text.fileno()).st_size - 4 * letters))
            return " ".join(text.read().decode("utf-8", "replace").split())[-letters:]
        return ""

    @property
    def touched(self) -> float:
        """When it last wrote anything, as a POSIX time."""
        return max(path.stat().st_mtime for path in (self.place, *self.place.iterdir()))

    def _lines(self) -> Iterator[str]:
        with suppress(OSError), open(self.place / "stdout.txt", "rb") as out:
            out.seek(max(0, os.fstat(out.fileno()).st_size - READ))
            for line in out.read(READ).splitlines():
                if line.lstrip().startswith(b"{") and len(line) < 100_000:
                    yield line.decode("utf-8", "replace")


def clear(home: Path, before: datetime) -> int:
    """Take out what runs have left that ended before a moment; how many. What lives stays, and what cannot be looked
    at or taken out is left for the next time."""
    gone = 0
    for place in (home / "orders").glob("*/"):
        run = Run(place)
        with suppress(OSError):
            lives = run.held("beside.lock") or run.held("run.lock")
            if not lives and run.touched < before.timestamp():
                shutil.rmtree(place)
                gone += 1
    return gone
