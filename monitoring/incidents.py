"""The shell of incidents: after all models were evaluated, what do several of them share?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine

from monitoring.core.incident import Incident
from monitoring.core.verdict import Verdict
from monitoring.store import incidents
from monitoring.store.database import transaction


def update(store: Engine, now: datetime) -> list[Incident]:
    """Bring the incidents of the fleet up to date; those that are open now."""
    with transaction(store) as session:
        return incidents.update(session, now)


def mentioned(verdicts: Iterable[Verdict], found: Iterable[Incident], now: datetime) -> list[Verdict]:
    """Verdicts where each summing-up names the causes that its model shares with others."""
    causes: dict[str, list[str]] = {}
    for incident in found:
        for model in incident.models:
            causes.setdefault(model, []).append(f"Shared cause: {incident.title(now)}.")
    return [
        v._replace(reason="\n".join([v.reason, *causes[v.model]])) if v.check == "model" and v.model in causes else v
        for v in verdicts
    ]
