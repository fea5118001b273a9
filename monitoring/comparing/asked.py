"""What a comparison is asked of: two versions, and the rows they are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitoring.core.window import slot_ceiling, slot_of
from monitoring.errors import LeewayError
from monitoring.fleet import Log, Model
from monitoring.logs.answered import Wanted
from monitoring.logs.rows import Bounds

NEVER = 1_000_000
"""A slot after all others."""
SHADOW = "shadow"


class CompareError(LeewayError):
    """Two versions cannot be compared."""


@dataclass(frozen=True, slots=True)
class Side:
    """A version: of the prediction log, or of the `shadow` log. "": whatever version the log has."""

    version: str = ""
    shadow: bool = False

    @classmethod
    def of(cls, text: str) -> Side:
        """From how people write it: a version, "shadow:" and a version, "shadow" for whatever is in that log."""
        log, _, version = text.partition(":")
        return cls(version, True) if log == SHADOW else cls(text)

    @property
    def name(self) -> str:
        """How to call it."""
        return self.version or (SHADOW if self.shadow else "all versions")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows: predicted from `since` on (whole hours after it) and before `until`, as known at `as_of`."""

    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None

    def wanted(self, side: Side) -> Wanted:
        """Of a side's log. A shadow may have answered later, or does not say when, and it has no labels: which of its
        rows count is for the other log to say."""
        if side.shadow:
            return Wanted(Bounds(None, self.as_of), side.version, False)
        first = 0 if self.since is None else slot_ceiling(self.since)
        last = NEVER if self.until is None else slot_of(self.until)
        return Wanted(Bounds(((first, last),), self.as_of), side.version)

    @property
    def words(self) -> str:
        """In a sentence."""
        ends = ((word, t) for word, t in (("from", self.since), ("to", self.until)) if t is not None)
        return " ".join(f"{word} {t:%Y-%m-%d %H:%M} UTC" for word, t in ends) or "in the whole log"


def check(model: Model, sides: tuple[Side, Side], shadow: Log | None) -> None:
    """Raises CompareError where the versions of a model cannot be compared, whatever its logs hold."""
    columns = model.predictions.columns
    if columns.timestamp is None:
        raise CompareError(
            "the log has no real time, so nobody knows which rows came after training.", where=model.key,
            mend="Map `predictions.columns.timestamp`.",
        )  # fmt: skip
    if model.labels is None and columns.label is None:
        raise CompareError("no label is mapped, so nobody knows who is right.", where=model.key, mend="Map `labels`.")
    if sides[0] == sides[1]:
        raise CompareError(f"{sides[0].name} is compared with itself.", where=model.key, mend="Choose two versions.")
    if all(side.shadow for side in sides):
        raise CompareError("both versions are of the shadow log, which has no labels.", where=model.key)
    if any(side.shadow for side in sides):
        if shadow is None:
            raise CompareError("no shadow log is mapped.", where=model.key, mend="Map `retraining.shadow`.")
        if columns.id is None or shadow.columns.id is None:
            raise CompareError("a shadow log is joined by id.", where=model.key, mend="Map `id` in both logs.")
    if columns.version is None and any(side.version and not side.shadow for side in sides):
        raise CompareError("the log does not say its version.", where=model.key, mend="Map `version`.")
