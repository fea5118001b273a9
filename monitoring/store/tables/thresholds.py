"""Tables of what can be undone: the fleet-wide rules as they were written, and every revision of thresholds and
objectives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base
from monitoring.store.tables.oncall import WrittenRow


class RuleRow(WrittenRow):
    """A fleet-wide rule. Of two that are as narrow, the one that was first applied later counts."""

    __tablename__ = "rule"


class RevisionRow(Base):
    """A change of the thresholds of a model (`kind` model, `name` its key), of its objectives (objectives), or of a
    rule. Only ever added to.

    `before` and `after` are lists of them as written (of a rule: with one at most). `number` counts from 1.
    `undoes` is the number of the revision that it takes back, with all after it; null where it takes back none.
    """

    __tablename__ = "revision"
    __table_args__ = (
        UniqueConstraint("kind", "name", "number"),
        CheckConstraint("kind IN ('model', 'rule', 'objectives')", name="revision_of_something"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(80))
    number: Mapped[int]
    at: Mapped[datetime]
    author: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    before: Mapped[list[Any]]
    after: Mapped[list[Any]]
    undoes: Mapped[int | None]
