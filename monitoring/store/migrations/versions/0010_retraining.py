"""Retrain requests and their history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitoring.store.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('approved', 'blocked', 'candidate', 'dispatched', 'evaluated', 'requested', 'running')")


def upgrade() -> None:
    op.create_table(
        "retrain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model_name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requester", sa.String(length=200), nullable=False),
        sa.Column("idempotency", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("flagged_at", UtcDateTime(), nullable=True),
        sa.Column("objections", sa.JSON(), nullable=False),
        sa.Column("approver", sa.String(length=200), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.Column("champion", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("train_until", UtcDateTime(), nullable=True),
        sa.Column("order", sa.String(length=120), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("pending", sa.String(length=20), nullable=False),
        sa.Column("run", sa.String(length=300), nullable=False),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("comparison", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("compared_at", UtcDateTime(), nullable=True),
        sa.Column("gain", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("measured", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("roll_back", sa.Text(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("deadline", UtcDateTime(), nullable=True),
        sa.Column("dispatched_at", UtcDateTime(), nullable=True),
        sa.Column("candidate_at", UtcDateTime(), nullable=True),
        sa.Column("promoted_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency"),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("model", "number"),
    )
    op.create_index("retrain_by_state", "retrain", ["state"], unique=False)
    op.create_index(
        "retrain_open",
        "retrain",
        ["model"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "retrain_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("retrain_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["retrain_id"], ["retrain.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("retrain_id", "seq"),
    )


def downgrade() -> None:
    for name in ("retrain_event", "retrain"):
        op.drop_table(name)
