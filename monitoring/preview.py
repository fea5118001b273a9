"""The first verdicts of a model that is not watched yet. Nothing here is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monitoring.core.verdict import Verdict
from monitoring.evaluate import Scope, evaluate
from monitoring.excerpt import excerpt
from monitoring.fleet import Model, parse_model
from monitoring.ingest import Progress
from monitoring.store import models, rules
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.queries import verdicts


@dataclass(frozen=True, slots=True)
class Preview:
    """The summing-up of a throw-away evaluation, the newest verdict of every check, and what a person should know."""

    model: Verdict
    newest: tuple[Verdict, ...]
    notices: tuple[str, ...]


def preview(
    document: dict[str, Any], fleet_rules: Sequence[dict[str, Any]], base: Path, clock: Callable[[], datetime],
    progress: Progress,
) -> Preview:  # fmt: skip
    """Evaluate a model in a throw-away database, its log taken as it is, under the rules of the fleet that it would
    be watched in. Raises FleetError for an invalid document."""
    model = parse_model(document, "the model")
    progress(0.0, "reading the newest rows")
    store = connect(MEMORY)
    create(store)
    try:
        with TemporaryDirectory(prefix="leeway-preview-") as folder:
            bounded, notices = excerpt(document, model, base, Path(folder))
            with transaction(store) as session:
                models.apply(session, [bounded], base, "preview", clock())
                rules.apply(session, fleet_rules, "preview", clock())
            with reading(store) as session:
                watched = models.watched(session)[0]
            found = evaluate(store, watched, Scope(finished=True, diagnosed=False), clock, progress)
        with reading(store) as session:
            newest = verdicts.newest(session, model.key)
        return Preview(found[-1], tuple(newest), (*notices, *_under(watched.model)))
    finally:
        store.dispose()


def _under(model: Model) -> list[str]:
    """Which rules of the fleet hold for a model."""
    names = list(dict.fromkeys(t.rule for t in model.thresholds if t.rule))
    return [f"Fleet-wide rules that hold for it: {', '.join(names)}."] if names else []
