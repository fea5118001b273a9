"""Changing thresholds (a model's own, or a rule) and objectives, with author and reason; and taking a change back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.errors import LeewayError
from monitoring.store import models, revisions, rules
from monitoring.store.revisions import PART, Kind, Written
from monitoring.store.tables import ModelRow, RuleRow


class EditError(LeewayError):
    """A change that cannot be made."""


def written(session: Session, kind: Kind, name: str) -> list[dict[str, Any]]:
    """The thresholds or objectives of a model, or the rule, as they are now; none where there is no such one."""
    if kind == "rule":
        found = session.scalar(select(RuleRow.document).where(RuleRow.key == name))
        return [] if found is None else [found]
    document = session.scalar(select(ModelRow.document).where(ModelRow.key == name))
    return list((document or {}).get(PART[kind]) or [])


def change(
    session: Session, kind: Kind, name: str, before: Written, after: Written, actor: str, now: datetime,
    reason: str, undoes: int | None = None,
) -> None:  # fmt: skip
    """Write thresholds or objectives as a new revision.

    `before` is what the author has seen: what somebody else changed meanwhile is not overwritten. Raises
    EditError for that, and without a reason; FleetError for what is none.
    """
    if not reason.strip():
        raise EditError("a change needs a reason", where=name, mend="Say why, in a few words.")
    if written(session, kind, name) != list(before):
        newest = next(iter(revisions.history(session, (kind,), name, 1)), None)
        by = f" by {newest.author}: {newest.reason}" if newest else ""
        raise EditError(f"was changed meanwhile{by}", where=_named(kind, name), mend="Look at it, and change again.")
    if kind == "rule":
        _rule(session, name, after, actor, now, reason, undoes)
        return
    row = session.scalar(select(ModelRow).where(ModelRow.key == name))
    if row is None:
        raise models.unknown(name, [])
    part = PART[kind]
    document = row.document | {part: list(after)}
    if not after:
        document.pop(part)
    models.apply(session, [document], Path(row.base), actor, now, reason, undoes)


def undo(session: Session, kind: Kind, name: str, number: int, actor: str, now: datetime, reason: str) -> None:
    """Make it again what it was before a revision, as a new revision: it and all after it are undone."""
    back_to = revisions.one(session, kind, name, number).before
    now_written = written(session, kind, name)
    if list(back_to) == now_written:
        raise EditError(f"is as it was before revision {number}", where=_named(kind, name))
    change(session, kind, name, now_written, back_to, actor, now, reason, number)


def _rule(
    session: Session, key: str, after: Sequence[dict[str, Any]], actor: str, now: datetime, reason: str,
    undoes: int | None,
) -> None:  # fmt: skip
    if not after:
        rules.remove(session, key, actor, now, reason, undoes)
    elif [document.get("key") for document in after] != [key]:
        raise EditError("a rule keeps its key", where=f"rule {key}")
    else:
        rules.apply(session, after, actor, now, reason, undoes)


def _named(kind: Kind, name: str) -> str:
    return f"objectives of {name}" if kind == "objectives" else f"{kind} {name}"
