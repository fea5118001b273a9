"""A diagnosis: why a model's performance fell in some windows, and what is to be done: values, and their codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitoring.core.diagnosis.decomposition import Decomposition
from monitoring.core.diagnosis.inputs import Broken, Moved
from monitoring.core.diagnosis.interval import Interval
from monitoring.core.diagnosis.retraining import Outlook, Retraining
from monitoring.core.diagnosis.row_metric import TITLES, RowMetric
from monitoring.core.diagnosis.slices import WorstSlice
from monitoring.core.window import Slots


class Advice(StrEnum):
    """What a diagnosis comes to.

    `harder`: retraining will not help; `sound`: nor is it needed, as nothing is worse than in the reference beyond
    chance; `unsure`: a challenger was tried and the interval holds both; `untried`: none could be.
    """

    MEND = "mend"
    RETRAIN = "retrain"
    HARDER = "harder"
    SOUND = "sound"
    UNSURE = "unsure"
    UNTRIED = "untried"


OF_OUTLOOK = {
    Outlook.HELPS: Advice.RETRAIN,
    Outlook.IDLE: Advice.HARDER,
    Outlook.UNSURE: Advice.UNSURE,
    Outlook.UNTRIED: Advice.UNTRIED,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled rows used, of how many there were."""

    used: int
    of: int


@dataclass(frozen=True, slots=True)
class About:
    """What was looked at. `first` and `last` are slots; a log without real time has no `start` and `end`.

    `check` is the check that was diagnosed, `metric` what its rows were judged by; `unit` the label's.
    """

    model: str
    check: str
    metric: RowMetric
    first: int
    last: int
    start: datetime | None
    end: datetime | None
    as_of: datetime | None
    reference: Rows
    now: Rows
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why performance fell. What could not be had is None or empty, and `notes` say why.

    `then` and `level` are the metric in the reference and now; `unsupported` is the share of rows that hardly have
    their like in the reference, for which the split of the drop is an extrapolation.
    """

    about: About
    retraining: Retraining
    then: float | None = None
    level: float | None = None
    split: Decomposition | None = None
    unsupported: float | None = None
    slices: tuple[WorstSlice, ...] = ()
    moved: tuple[Moved, ...] = ()
    broken: tuple[Broken, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def advice(self) -> Advice:
        """What it comes to. Broken inputs come first: retraining on them teaches the model what is broken."""
        if self.broken:
            return Advice.MEND
        if self.retraining.outlook == Outlook.IDLE and not self.fell:
            return Advice.SOUND
        return OF_OUTLOOK[self.retraining.outlook]

    @property
    def compared(self) -> bool:
        """Whether the window's rows could be held against the reference's."""
        return self.then is not None and self.level is not None

    @property
    def fell(self) -> bool:
        """Whether the metric is worse than in the reference beyond chance."""
        if self.split is None:
            return True
        return self.split.change.times(-self.about.metric.sign).lower > 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """The diagnosis of a check in some windows: its content, or the error that prevented one.

    `state` names what it was made from: the rows and labels of those windows and of the reference. `automatic` are
    those that an evaluation made, which take part in the flag; the others were asked for.
    """

    check: str
    window: Slots
    made_at: datetime
    content: Diagnosis | None
    error: str = ""
    state: str = ""
    automatic: bool = False


def as_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """As JSON values."""
    out = asdict(diagnosis)
    about = out["about"]
    about["metric"] = diagnosis.about.metric.name
    for name in ("start", "end", "as_of"):
        moment = getattr(diagnosis.about, name)
        about[name] = None if moment is None else moment.isoformat()
    return {**out, "retraining": {**out["retraining"], "outlook": str(diagnosis.retraining.outlook)}}


def from_document(document: dict[str, Any]) -> Diagnosis:
    """The diagnosis that `as_document` was given. Raises KeyError or TypeError for what is none."""
    about = dict(document["about"])
    for name in ("start", "end", "as_of"):
        about[name] = None if about[name] is None else datetime.fromisoformat(about[name])
    if about["metric"] not in TITLES:
        raise KeyError(about["metric"])
    rows = {name: Rows(**about[name]) for name in ("reference", "now")}
    done = dict(document["retraining"])
    changes = {name: _interval(done[name]) for name in ("change", "newer", "learner")}
    found = document["split"]
    split = None
    if found is not None:
        split = Decomposition(**{f.name: Interval(**found[f.name]) for f in fields(Decomposition)})
    return Diagnosis(
        About(**{**about, "metric": RowMetric(about["metric"]), **rows}),
        Retraining(**{**done, **changes, "outlook": Outlook(done["outlook"])}),
        document["then"],
        document["level"],
        split,
        document["unsupported"],
        tuple(WorstSlice(**{**s, "contribution": Interval(**s["contribution"])}) for s in document["slices"]),
        tuple(Moved(**m) for m in document["moved"]),
        tuple(Broken(**b) for b in document["broken"]),
        tuple(document["notes"]),
    )


def _interval(document: dict[str, Any] | None) -> Interval | None:
    return None if document is None else Interval(**document)
