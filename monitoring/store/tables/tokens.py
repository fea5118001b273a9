"""The tables of the API: tokens, and callbacks that were received."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class TokenRow(Base):
    """A token of the API. The token itself is not kept: `digest` is its SHA-256, `hint` how it begins.

    It holds until `expires_at` (null: for good), unless it was revoked.
    """

    __tablename__ = "token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(12))
    scopes: Mapped[list[Any]]
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class CallbackRow(Base):
    """A callback that was received: its id is refused when it comes again."""

    __tablename__ = "callback"
    __table_args__ = (Index("callback_by_time", "at"),)

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
