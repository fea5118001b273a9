"""A PostgreSQL server of our own, on a free port of 127.0.0.1, that can be stopped and started again."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from tests.ports import free_port

CARELESS = ("fsync", "full_page_writes", "synchronous_commit")
"""Nobody misses these data after a power cut."""


class NoServer(Exception):
    """None can be had on this machine; says why, and how to mend it."""


class Server:
    """A server with its data in a folder of its own. Raises NoServer where it cannot be made."""

    def __init__(self, *, careless: bool = True) -> None:
        binaries, self._prefix = _binaries(), _as_somebody_else()
        if binaries is None:
            raise NoServer("initdb and postgres are not installed (Debian: apt-get install postgresql)")
        if self._prefix is None:
            raise NoServer("we are root, which it refuses, and neither setpriv nor runuser is there")
        self._home, port = Path(tempfile.mkdtemp(prefix="leeway-pg-", dir="/tmp")), free_port()
        if self._prefix:
            shutil.chown(self._home, _user())
        self._home.chmod(0o755)
        data = str(self._home / "data")
        self._process: subprocess.Popen[bytes] | None = None
        how = ("-U", "leeway", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        made = self._run(binaries / "initdb", "-D", data, *how)
        if made.wait():
            why = self._log()
            self.remove()
            raise NoServer(f"initdb failed: {why}")
        off = [word for name in CARELESS if careless for word in ("-c", f"{name}=off")]
        place = ("-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(self._home))
        self._command = (binaries / "postgres", *place, *off)
        self.url = f"postgresql+psycopg://leeway@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Returns once it takes connections."""
        self._process = self._run(*self._command)
        engine = create_engine(self.url)
        try:
            for _ in range(1200):
                if self._process.poll() is not None:
                    break
                try:
                    with engine.connect():
                        return
                except Exception:
                    time.sleep(0.1)
            raise NoServer(f"the server did not start: {self._log()}")
        finally:
            engine.dispose()

    def stop(self) -> None:
        """A fast shutdown: connections are ended."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Stop it, and take its data away."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        assert self._prefix is not None
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                [*self._prefix, str(program), *arguments], cwd=self._home, stdout=log, stderr=subprocess.STDOUT
            )

    def _log(self) -> str:
        return (self._home / "log").read_text(encoding="utf-8", errors="replace")[-2000:].strip()


@contextmanager
def serving(*, careless: bool = True) -> Iterator[Server]:
    """A server that runs, and is gone afterwards."""
    server = Server(careless=careless)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    newest_first = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in filter(None, [on_path and str(Path(on_path).resolve().parent), "/usr/local/bin", *newest_first]):
        if all(os.access(Path(folder) / name, os.X_OK) for name in ("initdb", "postgres")):
            return Path(folder)
    return None


def _user() -> str:
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _as_somebody_else() -> list[str] | None:
    """What to put before a command so that it does not run as root: nothing, where we are not; None where we cannot."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv"):
        return ["setpriv", f"--reuid={_user()}", "--clear-groups", "--"]
    return ["runuser", "-u", _user(), "--"] if shutil.which("runuser") else None
