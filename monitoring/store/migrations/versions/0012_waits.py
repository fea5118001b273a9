"""How long an alert waits, where its model or a rule says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("wait_seconds", "keep_seconds"):
        op.add_column("alert", sa.Column(name, sa.Double(), nullable=True))
