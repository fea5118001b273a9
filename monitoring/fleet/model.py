"""One deployed model, as it stands in a fleet file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)

from monitoring.core.alerting.waits import Waits
from monitoring.core.performance.metric import main_metric, metrics_for
from monitoring.core.window import HOURS_OF, Chunk
from monitoring.fleet.logs import Log
from monitoring.fleet.references import MovingReference, ReferenceRows, ReferenceWindow
from monitoring.fleet.retraining import Retraining
from monitoring.fleet.slos import Slo
from monitoring.fleet.strict import Strict
from monitoring.fleet.thresholds import Rule, Threshold, inherited

Task = Literal["binary_classification", "multiclass_classification", "regression"]
Mode = Literal["online", "online_batch_features", "streaming", "batch"]
Target = Literal["cloud", "edge", "browser"]


def _chunk(value: Any) -> Any:
    if isinstance(value, str):
        if value not in HOURS_OF:
            raise ValueError(f"chunk is one of {', '.join(HOURS_OF)} or {{rows: N}}, not {value!r}")
        return Chunk(hours=HOURS_OF[value])
    if isinstance(value, dict) and set(value) == {"rows"} and isinstance(value["rows"], int) and value["rows"] > 0:
        return Chunk(hours=None, rows=value["rows"])
    if isinstance(value, Chunk):
        return value
    raise ValueError(f"chunk is one of {', '.join(HOURS_OF)} or {{rows: N}}, not {value!r}")


class Model(Strict):
    """One deployed model."""

    key: str = Field(pattern=r"^[a-z0-9-]+$", max_length=80)
    name: str = ""
    task: Task
    mode: Mode = "online"
    target: Target = "cloud"
    owner: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    runbook: str = ""
    unit: str = ""
    positive: str | None = None
    predictions: Log
    labels: Log | None = None
    reference: ReferenceWindow | ReferenceRows | MovingReference | Log | None = None
    chunk: Annotated[Chunk, BeforeValidator(_chunk)] = Chunk()
    slos: tuple[Slo, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    retraining: Retraining = Retraining()
    _waits: tuple[Waits, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        columns = self.predictions.columns
        if self.chunk.rows is None and columns.timestamp is None:
            raise ValueError("map `predictions.columns.timestamp`, or cut the log by rows: chunk: {rows: 5000}")
        apart = self.labels.columns if self.labels is not None else None
        if apart is not None and None in (apart.label, apart.id, columns.id):
            raise ValueError("labels of their own need `id` and `label` mapped, and predictions need `id`")
        if self.task == "multiclass_classification" and isinstance(columns.score, str):
            raise ValueError("a multiclass model's `score` names a column per class: {class: column, ...}")
        if self.task == "regression" and columns.prediction is None:
            raise ValueError("a regression needs `prediction` mapped: the column of the predicted value")
        if self.task != "regression" and columns.prediction is None and columns.score is None:
            raise ValueError("map `score` (a probability) or `prediction` (a class), or both")
        if self.task == "regression" and any(s.sli == "quality" and s.tolerance is None for s in self.slos):
            raise ValueError("a regression's quality objective needs `tolerance`: how wrong a good prediction may be")
        if self.retraining.shadow is not None and None in (columns.id, self.retraining.shadow.columns.id):
            raise ValueError("a shadow log is joined by id: map `id` in `predictions.columns` and in its own columns")
        slugs = [slo.slug for slo in self.slos]
        if twice := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
            raise ValueError(f"two objectives are the same: {', '.join(twice)}; take one away or change it")
        known = [metric.name for metric in metrics_for(self.task)]
        for threshold in self.thresholds:
            family, _, name = threshold.check.partition(".")
            if threshold.check == "drift.multivariate" and (threshold.column or threshold.slice or threshold.version):
                raise ValueError("drift.multivariate is of all columns and rows: without column, slice and version")
            if threshold.covariate is not None:
                threshold.explained_by(columns.features)
            if family in ("performance", "estimated") and name not in known:
                raise ValueError(f"no metric of {self.task} is called {name!r}; the metrics are {', '.join(known)}")
        return self

    @property
    def title(self) -> str:
        """The name on screen."""
        return self.name or self.key

    @property
    def main_metric(self) -> str:
        """The metric it is judged by."""
        scored = self.predictions.columns.score is not None
        return main_metric(self.task, (threshold.check for threshold in self.thresholds), scored)

    @property
    def traits(self) -> dict[str, tuple[str, ...]]:
        """What the matchers of fleet-wide rules go by."""
        one = {"model": self.key, "owner": self.owner, "task": self.task, "mode": self.mode, "target": self.target}
        return {name: (value,) for name, value in one.items()} | {"tag": self.tags}

    def under(self, rules: Iterable[Rule]) -> Model:
        """The model with what fleet-wide rules say where it has no threshold of its own. Rules on metrics of other
        tasks are passed over. What is said of waiting stands apart, so that it changes no verdict."""
        known = {metric.name for metric in metrics_for(self.task)}
        fitting = [r for r in rules if r.fits(self.traits) and (r.metric is None or r.metric in known)]
        every = [*self.thresholds, *(rule.threshold() for rule in fitting)]
        waits = tuple(w for t in every if (w := t.waits) is not None)
        own = tuple(j for t in self.thresholds if (j := t.judging) is not None)
        found = inherited(own, fitting)
        if not found and not waits:
            return self
        model = self.model_copy(update={"thresholds": (*own, *found)})
        model._waits = waits
        return model

    @property
    def waits(self) -> tuple[Waits, ...]:
        """How long its alerts wait, where its thresholds or rules say so: of a model under rules."""
        return self._waits
