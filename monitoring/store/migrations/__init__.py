"""Bringing a database's tables up to date, with Alembic and without an ini file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring.errors import StoreError


def migrate(store: Engine) -> None:
    """Run the migrations a database has not seen. Raises StoreError when it cannot be reached or used."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["store"] = store
    try:
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        line = str(error).splitlines()[0]
        raise StoreError(f"cannot be used: {line}", where="database", mend="Check LEEWAY_DATABASE.") from error
