"""Objectives have revisions, as thresholds have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
OLD, NEW = "revision_of_a_model_or_a_rule", "revision_of_something"


def upgrade() -> None:
    _change(OLD, NEW, "kind IN ('model', 'rule', 'objectives')")


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM revision WHERE kind = 'objectives'"))
    _change(NEW, OLD, "kind IN ('model', 'rule')")


def _change(old: str, new: str, condition: str) -> None:
    """SQLite cannot change a constraint, so the table is made anew there."""
    with op.batch_alter_table("revision") as table:
        table.drop_constraint(old, type_="check")
        table.create_check_constraint(new, condition)
