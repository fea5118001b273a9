"""The label's drift is provisional where performance is: in windows whose labels were still to come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

verdict = sa.table("verdict", *map(sa.column, ("model_id", "check", "first_slot", "provisional")))


def upgrade() -> None:
    known = verdict.alias("known")
    early = sa.exists().where(
        known.c.model_id == verdict.c.model_id, known.c.first_slot == verdict.c.first_slot,
        known.c.check.like("performance.%"), known.c.provisional.is_(sa.true()),
    )  # fmt: skip
    op.execute(sa.update(verdict).where(verdict.c.check == "drift.label", early).values(provisional=sa.true()))


def downgrade() -> None:
    """What is provisional is judged again once it is mature."""
