"""Freezing a model's reference anew, and reading its logs again on the new grids."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select, update

from monitoring.core.verdict import Verdict
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import parse_model
from monitoring.ingest import Progress
from monitoring.store import models
from monitoring.store.database import reading, transaction
from monitoring.store.tables import AuditRow, BaselineRow, ModelRow


def rebaseline(
    store: Engine,
    key: str,
    window: tuple[datetime, datetime] | None,
    actor: str,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[Verdict]:
    """Freeze the reference of a model again, on `window` where one is given, and judge all again.

    The document changes with the window, so that `export` gives what is watched. Raises LeewayError.
    """
    now = clock()
    with transaction(store) as session:
        row = session.scalar(select(ModelRow).where(ModelRow.key == key))
        if row is None:
            raise models.unknown(key, list(session.scalars(select(ModelRow.key))))
        detail: dict[str, Any] = {}
        if window is not None:
            detail = {"from": window[0].isoformat(), "to": window[1].isoformat()}
            document = {**row.document, "reference": detail}
            parse_model(document, key)
            row.document, row.updated_at = document, now
        session.add(AuditRow(at=now, actor=actor, action="model re-baselined", subject=key, detail=detail))
        # The old baseline stays in sight until the new one is whole, unless it would be taken for the new one.
        session.execute(
            update(BaselineRow).where(BaselineRow.model_id == row.id, BaselineRow.active).values(fingerprint="old")
        )
        session.execute(delete(BaselineRow).where(BaselineRow.model_id == row.id, BaselineRow.active.is_(False)))
    with reading(store) as session:
        watched = models.watched(session, key)[0]
    return evaluate(store, watched, Scope(), clock, progress)
