"""The fleet-wide rules in the database: applied from a file or the page, exported as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.errors import FleetError
from monitoring.fleet import parse_rule
from monitoring.fleet.thresholds import Rule
from monitoring.store.revisions import record
from monitoring.store.tables import RuleRow


def apply(
    session: Session, documents: Sequence[dict[str, Any]], actor: str, now: datetime, reason: str = "",
    undoes: int | None = None,
) -> dict[str, str]:  # fmt: skip
    """Add or change rules; what was done (added | changed | unchanged), by key. Others are left alone."""
    done = {}
    for document in documents:
        rule = parse_rule(document, "the fleet")
        row = session.scalar(select(RuleRow).where(RuleRow.key == rule.key))
        before = [] if row is None else [row.document]
        done[f"rule {rule.key}"] = "added" if row is None else "changed"
        if not record(session, "rule", rule.key, before, [document], actor, now, reason, undoes):
            done[f"rule {rule.key}"] = "unchanged"
            continue
        if row is None:
            row = RuleRow(key=rule.key)
            session.add(row)
        row.document, row.updated_at = document, now
    session.flush()
    return done


def remove(session: Session, key: str, actor: str, now: datetime, reason: str = "", undoes: int | None = None) -> None:
    """Take a rule away. Raises FleetError for one that is not there."""
    row = session.scalar(select(RuleRow).where(RuleRow.key == key))
    if row is None:
        raise FleetError(f"no rule is called {key!r}", where="the fleet")
    record(session, "rule", key, [row.document], [], actor, now, reason, undoes)
    session.delete(row)
    session.flush()


def prune(session: Session, file: dict[str, list[dict[str, Any]]], actor: str, now: datetime, reason: str) -> list[str]:
    """Take out the rules that a fleet file does not hold, where it has such a list at all; their names."""
    kept = {document["key"] for document in file.get("rules", [])}
    gone = [key for key in session.scalars(select(RuleRow.key)).all() if "rules" in file and key not in kept]
    for key in gone:
        remove(session, key, actor, now, reason)
    return [f"rule {key}" for key in gone]


def export(session: Session) -> list[dict[str, Any]]:
    """The documents of all rules, in the order in which they were first applied."""
    return list(session.scalars(select(RuleRow.document).order_by(RuleRow.id)))


def rules(session: Session) -> list[Rule]:
    """All rules, in the same order."""
    return [parse_rule(document, "the fleet") for document in export(session)]
