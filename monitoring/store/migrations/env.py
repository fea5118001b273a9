"""Alembic's entry: the caller hands over the engine."""

from __future__ import annotations

from alembic import context

from monitoring.store.tables import Base

store = context.config.attributes["store"]
with store.connect() as connection:
    # a batch copies the table where SQLite cannot alter it
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
