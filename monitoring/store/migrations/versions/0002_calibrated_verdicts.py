"""calibrated verdicts: drift score, null quantile, expected false alarms, effect, since when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitoring.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("drift_score", "null_quantile", "false_alarms"):
        op.add_column("verdict", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("verdict", sa.Column("effect", sa.Text(), server_default="", nullable=False))
    op.add_column("verdict", sa.Column("since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    for name in ("since", "effect", "false_alarms", "null_quantile", "drift_score"):
        op.drop_column("verdict", name)
