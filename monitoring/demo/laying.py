"""Laying the demo fleet down: its logs, its people, and a first verdict of every model."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import Engine

from monitoring import fleet, incidents
from monitoring.cli import terminal
from monitoring.demo import play
from monitoring.evaluate import Scope, evaluate
from monitoring.settings import Settings
from monitoring.store import models, oncall
from monitoring.store.database import reading, transaction

ROOT = Path(__file__).parent.parent.parent


def lay(settings: Settings, store: Engine) -> None:
    """Lay it down where it is not yet, and evaluate it; the terminal shows how far it is."""
    moment = terminal.now()
    progress = terminal.progress_of("demo")
    file = play.load(ROOT / "data", settings.home / "demo", moment, lambda words, share: progress(share, words))
    sections = fleet.load_sections(file)
    with transaction(store) as session:
        models.apply(session, sections["models"], file.resolve().parent, "demo", moment)
        oncall.apply(session, sections.get("people", []), sections.get("teams", []), "demo", moment)
    with reading(store) as session:
        found = models.watched(session)
    for watched in found:
        terminal.sum_up(evaluate(store, watched, Scope(), terminal.now, terminal.progress_of(watched.key)), sys.stdout)
    for incident in incidents.update(store, moment):
        print(f"Shared cause: {incident.title(moment)}.")
