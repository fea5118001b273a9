"""What tests of several areas share: databases of both kinds, and the strictness of CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, text

from monitoring.diagnosis import learner
from monitoring.store.database import connect, create
from tests.postgres import NoServer, Server

STRICT = os.environ.get("LEEWAY_TESTS_STRICT") == "1"
"""Set by .ci/run: what cannot be provided fails instead of being skipped."""

settings.register_profile(
    "leeway", deadline=None, print_blob=True, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
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
    """The URL of a PostgreSQL server of our own; gone after the session."""
    server: Server | None = None
    try:
        server = Server()
        server.start()
        yield server.url
    except NoServer as error:
        unavailable(f"NO POSTGRESQL: {error}")
    finally:
        if server is not None:
            server.remove()


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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: a test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'leeway.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    """A database of either kind with all tables, empty."""
    yield from _with_tables(database)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """The same of SQLite alone, in a file."""
    yield from _with_tables(f"sqlite:///{tmp_path / 'leeway.db'}")


@pytest.fixture(scope="session")
def small_fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with a small fleet that was evaluated; copied, not written to."""
    from tests.small_fleet import evaluated  # imports all that evaluates, which most tests do without

    return evaluated(tmp_path_factory.mktemp("small"))


def _with_tables(url: str) -> Iterator[Engine]:
    engine = connect(url)
    create(engine)
    yield engine
    engine.dispose()
