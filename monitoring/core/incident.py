"""Incidents: one cause that many models share. A movement of several models at the same time is told once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitoring.core.movement import WORDS, Movement, alike
from monitoring.core.window import said

NAMED = 4
"""Columns and models that a sentence names before it counts the rest."""


class Cause(StrEnum):
    """What models may share. Where it explains as many models, the earlier one is named."""

    LOG = "log"
    FEED = "feed"
    FEATURE = "feature"


RULES = {
    Cause.LOG: "The models read the same log",
    Cause.FEED: "The features come from the same feed",
    Cause.FEATURE: "The features are of one name and made the same move",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """A cause and what it did, model by model. `what` is set where the cause is a feature: it does one thing."""

    cause: Cause
    name: str
    what: str
    since: datetime
    movements: tuple[Movement, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in order of name."""
        return tuple(sorted({m.model for m in self.movements}))

    def title(self, now: datetime) -> str:
        """What happened, to how many, since when."""
        columns = sorted({m.column for m in self.movements if m.column})
        done = dict.fromkeys(WORDS[m.what] for m in sorted(self.movements, key=lambda m: list(WORDS).index(m.what)))
        named = self.name if self.cause == Cause.FEATURE else _short(self.name)
        if self.cause != Cause.FEATURE and columns:
            named += f" ({_some(columns)})"
        return f"{named} {' and '.join(done)} in {len(self.models)} models since {said(self.since, now)}"

    def reason(self) -> str:
        """Why these are one incident, and what each model saw."""
        seen = [f"{m.model}: {m.column or _short(m.log)} {m.words or WORDS[m.what]}" for m in self.movements]
        return f"{RULES[self.cause]}, and all of it began at the same time. {_some(seen, '; ')}."


@dataclass(frozen=True, slots=True)
class Known:
    """An open incident as it is kept."""

    number: int
    cause: str
    name: str
    what: str
    models: frozenset[str]


def incidents(movements: Iterable[Movement]) -> list[Incident]:
    """Group movements. One that fits several causes goes to the one that explains the most models.

    Explainable on purpose: the same log (and, of its columns, the same one in two models), the same feed, or the same
    name and the same move; begun at the same time; in at least two models.
    """
    every = sorted(movements, key=lambda m: (m.model, m.what, m.column, m.log))
    candidates = [
        (cause, name, what, group)
        for cause, key in _KEYS.items()
        for (name, what), sharing in _grouped(every, key).items()
        for together in ([sharing] if cause != Cause.FEATURE else _same_move(sharing))
        for group in at_the_same_time(together)
    ]
    order = list(Cause)
    candidates.sort(key=lambda c: (-_models(c[3]), order.index(c[0]), c[1], c[2], c[3][0].earliest))
    taken: set[int] = set()
    out = []
    for cause, name, what, group in candidates:
        left = [m for m in group if id(m) not in taken]
        if cause == Cause.LOG:
            left = _shared_columns(left)
        if _models(left) < 2:
            continue
        taken.update(id(m) for m in left)
        out.append(Incident(cause, name, what, _since(left), tuple(left)))
    return out


def matched(found: Sequence[Incident], known: Sequence[Known]) -> list[int | None]:
    """For each incident the number it is kept by: of the same cause, with most models in common; None for a new one."""
    pairs = sorted(
        (-len(k.models.intersection(i.models)), k.number, at)
        for at, i in enumerate(found)
        for k in known
        if (k.cause, k.name, k.what) == (str(i.cause), i.name, i.what) and k.models.intersection(i.models)
    )
    out: list[int | None] = [None] * len(found)
    for _, number, at in pairs:
        if out[at] is None and number not in out:
            out[at] = number
    return out


def at_the_same_time(movements: Sequence[Movement]) -> list[list[Movement]]:
    """Cut movements into groups whose beginnings can all have been at one moment: as few groups as there can be."""
    groups: list[list[Movement]] = []
    until: datetime | None = None
    for m in sorted(movements, key=lambda m: (m.latest, m.earliest)):
        if until is None or m.earliest >= until:
            groups.append([])
            until = m.latest
        groups[-1].append(m)
    return groups


_KEYS: dict[Cause, Callable[[Movement], tuple[str, str] | None]] = {
    Cause.LOG: lambda m: (m.log, "") if m.log else None,
    Cause.FEED: lambda m: (m.feed, "") if m.feed and m.column else None,
    Cause.FEATURE: lambda m: (m.column, m.what) if m.column else None,
}


def _grouped(
    movements: Sequence[Movement], key: Callable[[Movement], tuple[str, str] | None]
) -> dict[tuple[str, str], list[Movement]]:
    out = defaultdict(list)
    for m in movements:
        if (name := key(m)) is not None:
            out[name].append(m)
    return {name: group for name, group in out.items() if _models(group) > 1}


def _same_move(movements: Sequence[Movement]) -> list[list[Movement]]:
    """Groups around the movement that most of the others are like."""
    left, out = list(movements), []
    while len(left) > 1:
        groups = [[other for other in left if alike(m.move, other.move)] for m in left]
        largest = max(groups, key=len)
        if len(largest) < 2:
            break
        out.append(largest)
        left = [m for m in left if not any(m is other for other in largest)]
    return out


def _shared_columns(movements: Sequence[Movement]) -> list[Movement]:
    models: dict[str, set[str]] = defaultdict(set)
    for m in movements:
        models[m.column].add(m.model)
    return [m for m in movements if not m.column or len(models[m.column]) > 1]


def _since(movements: Sequence[Movement]) -> datetime:
    """The earliest best guess at which all of them can have begun."""
    possible = max(m.earliest for m in movements)
    return min((m.began for m in movements if m.began >= possible), default=possible)


def _models(movements: Sequence[Movement]) -> int:
    return len({m.model for m in movements})


def _short(log: str) -> str:
    return log.rstrip("/").replace("\\", "/").rpartition("/")[2] or log


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = len(names) - NAMED
    return between.join(names[:NAMED]) + (f"{between}{more} more" if more > 0 else "")
