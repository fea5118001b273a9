"""Trouble with one retrain request, that nobody foresaw: written into its history, where the page shows it. Once, as
the next look meets it again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring.core.retraining.change import Change
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.trouble import ENDS, standing
from monitoring.store import retrains
from monitoring.store.database import transaction
from monitoring.store.queries.retraining import history

Act = Callable[[RetrainRequest, str], Change]
log = logging.getLogger(__name__)


def met(store: Engine, key: str, kind: str, error: Exception, now: datetime, act: Act | None = None) -> None:
    """Note what was raised, unless trouble of this type stands already. `act` is done as well, each time, on the
    request and what is said of it."""
    words = f"{type(error).__name__}: {error}".strip()
    try:
        with transaction(store) as session:
            before = standing(history(session, key)).get(kind)
            known = before is not None and before.words.partition(":")[0] == type(error).__name__

            def noted(request: RetrainRequest) -> Change:
                change = Change(request) if act is None else act(request, words)
                return change if known else change.then(now, kind, words)

            retrains.change(session, key, noted, now)
        if not known:
            log.error("%s of %s", kind, key, exc_info=error)
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("%s of %s, and that it is so cannot be noted: %s", kind, key, words)


def over(session: Session, key: str, kind: str, now: datetime) -> None:
    """Note that it works again, where it did not."""
    before = standing(history(session, key)).get(kind)
    if before is not None:
        words = f"After {before.words.partition(':')[0]}."
        retrains.change(session, key, lambda request: Change(request).then(now, ENDS[kind], words), now)
