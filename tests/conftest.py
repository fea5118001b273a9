"""What tests of several areas share: a real PostgreSQL server, and the strictness of CI."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text

from monitoring.diagnosis import learner

STRICT = os.environ.get("LEEWAY_TESTS_STRICT") == "1"
"""Set by .ci/run: what cannot be provided fails instead of being skipped."""

CARELESS = ("fsync", "full_page_writes", "synchronous_commit")
"""Nobody misses these data after a power cut."""

settings.register_profile("leeway", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("leeway")


@pytest.fixture(scope="session", autouse=True)
def small_challengers() -> Iterator[None]:
    """Diagnoses of breaches fit a dozen models: fewer trees, so that tests of other things do not wait for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "TREES", 10)
        patch.setattr(learner, "RATE", 0.4)
        yield


def unavailable(reason: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if STRICT:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, on a free port of 127.0.0.1; gone after the session."""
    binaries = _postgres_binaries()
    if binaries is None:
        unavailable("NO POSTGRESQL: initdb and postgres are not installed (Debian: apt-get install postgresql)")
        return
    prefix = _as_somebody_else()
    if prefix is None:
        unavailable("NO POSTGRESQL: we are root, which it refuses, and neither setpriv nor runuser is there")
        return
    home = Path(tempfile.mkdtemp(prefix="leeway-pg-", dir="/tmp"))
    if prefix:
        shutil.chown(home, _user())
    home.chmod(0o755)
    data, port = home / "data", _free_port()
    try:
        made = subprocess.run(
            [
                *prefix,
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "leeway",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            cwd=home,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            unavailable(f"NO POSTGRESQL: initdb failed: {made.stderr.strip()}")
            return
        with tempfile.TemporaryFile() as output:
            careless = [word for name in CARELESS for word in ("-c", f"{name}=off")]
            where = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(home)]
            server = subprocess.Popen(
                [*prefix, str(binaries / "postgres"), *where, *careless],
                cwd=home,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            url = f"postgresql+psycopg://leeway@127.0.0.1:{port}/postgres"
            try:
                if not _answers(url, server):
                    output.seek(0)
                    unavailable(f"NO POSTGRESQL: the server did not start: {output.read().decode()[-2000:]}")
                    return
                yield url
            finally:
                server.send_signal(signal.SIGINT)
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


_numbers = count()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of the server, this test's alone."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.rpartition("/")[0] + f"/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _postgres_binaries() -> Path | None:
    on_path = shutil.which("initdb")
    newest_first = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in filter(None, [on_path and str(Path(on_path).resolve().parent), "/usr/local/bin", *newest_first]):
        if all(os.access(Path(folder) / name, os.X_OK) for name in ("initdb", "postgres")):
            return Path(folder)
    return None


def _user() -> str:
    import pwd

    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return "nobody"


def _as_somebody_else() -> list[str] | None:
    """What to put before a command so that it does not run as root: nothing, where we are not; None where we cannot."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv"):
        return ["setpriv", f"--reuid={_user()}", "--clear-groups", "--"]
    return ["runuser", "-u", _user(), "--"] if shutil.which("runuser") else None


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server takes connections; false when it ends before that."""
    engine = create_engine(url)
    try:
        for _ in range(300):
            if server.poll() is not None:
                return False
            try:
                with engine.connect():
                    return True
            except Exception:
                time.sleep(0.1)
        return False
    finally:
        engine.dispose()
