"""The shell of a model's series of verdicts: since when each is where it is, and what of the model moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from monitoring.core.movement import Movement
from monitoring.core.verdict import Verdict
from monitoring.store import incidents, verdicts
from monitoring.store.models import Watched
from monitoring.verdicts import movement, since
from monitoring.verdicts.subject import Subject


@dataclass(frozen=True, slots=True)
class Told:
    """New verdicts and those before them, with their dates; the stored ones that have another date now; and the
    movements of the model, None where they are what they were."""

    found: list[Verdict]
    before: list[Verdict]
    redated: list[since.Stored]
    movements: list[Movement] | None


def tell(
    session: Session, watched: Watched, subject: Subject, found: Sequence[Verdict], recalled: Sequence[since.Stored],
    upto: int,
) -> Told:  # fmt: skip
    """What the series of new and stored verdicts tell. One of which no window changed is not looked at.

    `recalled` are the newest stored verdicts, all those from slot `upto` on among them; none, where every window was
    judged again.
    """
    now, before = None if subject.finished else subject.now, [v for _, v in recalled]
    seen = verdicts.evaluated(session, watched.id) if before else None
    found, changed = since.keep(found, before, seen, now)
    look = not subject.by_rows and (not before or bool(changed) or _service_moved(session, watched, found))
    stored: list[since.Stored] = []
    if before and (changed or look):
        whole = movement.WHAT if look else ()
        older = verdicts.course(session, watched.id, watched.key, changed, whole, _first(subject), upto)
        known = {number for number, _ in recalled}
        stored = [row for row in recalled if row[1].check in changed or row[1].check in whole]
        stored += [row for row in older if row[0] not in known]
    of_changed = [(number, v) for number, v in stored if v.check in changed]
    found, redated = since.date(found, of_changed, subject.model.chunk.hours, now)
    dates = {since.place(v): v.since for _, v in redated}
    before = [since.dated(v, dates[since.place(v)]) if since.place(v) in dates else v for v in before]
    moved = None
    if look:
        moved = movement.movements(subject, _course(stored, found), watched.log)
    return Told(found, before, redated, moved)


def _course(stored: Sequence[since.Stored], found: list[Verdict]) -> list[Verdict]:
    """Every verdict that may tell of a movement, the new in the place of the stored."""
    fresh = {since.place(v) for v in found}
    again = {since.series(v) for v in found if v.check.startswith("slo.")}
    today = {v.window.end.date() for v in found if v.check.startswith("slo.") and v.window.end}
    kept = [
        v for _, v in stored
        if v.check in movement.WHAT and v.slice is None and v.version is None and since.place(v) not in fresh
        and not (since.series(v) in again and v.window.end is not None and v.window.end.date() in today)
    ]  # fmt: skip
    return [*kept, *found]


def _service_moved(session: Session, watched: Watched, found: Sequence[Verdict]) -> bool:
    """Whether objectives are in trouble, or were: they look back from now, so that they change with every look."""
    bad = any(v.check.startswith("slo.") and v.status in movement.BAD for v in found)
    return bad or any(m.what in movement.OF_SERVICE for m in incidents.movements(session, watched.id))


def _first(subject: Subject) -> int:
    windows = since.look_back(subject.model.chunk.hours)
    return subject.history[-windows].first if len(subject.history) > windows else 0
