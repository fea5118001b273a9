"""Which database and which models a command is about: those of the settings, or of a fleet file for the while."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from monitoring import fleet
from monitoring.cli import terminal
from monitoring.settings import Settings, load
from monitoring.store import models, rules
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.models import Watched


def open_store(settings: Settings | None = None) -> Engine:
    """The database of the settings, with its tables up to date."""
    store = connect((settings or load()).database)
    migrate(store)
    return store


def throw_away(file: Path, key: str | None = None) -> tuple[Engine, list[Watched]]:
    """A database in memory that holds the fleet of a file, and its models, or one of them. Raises FleetError."""
    sections = fleet.load_sections(file)
    store = connect(MEMORY)
    create(store)
    with transaction(store) as session:
        models.apply(session, sections["models"], file.resolve().parent, terminal.actor(), terminal.now())
        rules.apply(session, sections.get("rules", []), terminal.actor(), terminal.now())
    with reading(store) as session:
        return store, models.watched(session, key)


def opened(file: Path | None, key: str | None = None) -> tuple[Engine, list[Watched]]:
    """The models of a fleet file, where one is given, else those of the settings' database. Raises FleetError."""
    if file is not None:
        return throw_away(file, key)
    store = open_store()
    with reading(store) as session:
        return store, models.watched(session, key)
