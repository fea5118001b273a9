"""The comparisons of versions that were asked for: what the worker answered, kept with the request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.comparison.comparison import Comparison, from_document
from monitoring.store.tables import RequestRow

NEWEST = 30
"""Comparisons that can be looked at."""
KIND = "compare"


@dataclass(frozen=True, slots=True)
class Made:
    """A comparison that was asked for and made; `error` where it cannot be read."""

    id: int
    at: datetime
    actor: str
    arguments: dict[str, Any]
    content: Comparison | None
    error: str = ""


def comparisons(session: Session, key: str) -> list[Made]:
    """Those of a model that are done, newest first."""
    query = (
        select(RequestRow)
        .where(RequestRow.model_key == key, RequestRow.kind == KIND, RequestRow.state == "done")
        .order_by(RequestRow.id.desc())
        .limit(NEWEST)
    )
    return [_read(row) for row in session.scalars(query)]


def _read(row: RequestRow) -> Made:
    content, error = None, ""
    try:
        content = from_document(json.loads(row.result))
    except (KeyError, TypeError, ValueError):
        error = "It was made by another version of Leeway. Compare again."
    return Made(row.id, row.finished_at or row.asked_at, row.actor, row.arguments, content, error)
