"""The fleet as code: what is watched, in the shape of fleet.yaml.

Everything a user writes is validated here, at the border; past it, the values are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from monitoring.core.alerting.waits import Waits
from monitoring.core.performance.metric import main_metric, metrics_for
from monitoring.core.window import HOURS_OF, Chunk
from monitoring.errors import FleetError
from monitoring.fleet_channels import AnyChannel
from monitoring.fleet_logs import Columns as Columns
from monitoring.fleet_logs import Log as Log
from monitoring.fleet_oncall import Person, Team
from monitoring.fleet_references import MovingReference as MovingReference
from monitoring.fleet_references import ReferenceRows as ReferenceRows
from monitoring.fleet_references import ReferenceWindow as ReferenceWindow
from monitoring.fleet_retraining import Retraining
from monitoring.fleet_slos import Sli as Sli
from monitoring.fleet_slos import Slo as Slo
from monitoring.fleet_thresholds import Covariate as Covariate
from monitoring.fleet_thresholds import Daylight as Daylight
from monitoring.fleet_thresholds import Rule, inherited
from monitoring.fleet_thresholds import Threshold as Threshold
from monitoring.strict import Strict

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


SECTION_OF = {"model": "models", "rule": "rules", "person": "people", "team": "teams", "channel": "channels"}
"""The lists of a fleet file, by what stands in them."""


class Fleet(Strict):
    """All that one file holds. A false-alarm budget of the fleet is divided among the models without one."""

    models: tuple[Model, ...] = ()
    rules: tuple[Rule, ...] = ()
    people: tuple[Person, ...] = ()
    teams: tuple[Team, ...] = ()
    channels: tuple[AnyChannel, ...] = ()
    false_alarms_per_quarter: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _unique(self) -> Fleet:
        for kind, section in SECTION_OF.items():
            by = "name" if kind == "channel" else "key"
            keys = [getattr(one, by) for one in getattr(self, section)]
            if twice := sorted({key for key in keys if keys.count(key) > 1}):
                raise ValueError(f"{kind} {by}s must be unique; used twice: {', '.join(twice)}")
        return self


def plain(value: Any) -> Any:
    """A part of a parsed file as it was written, with dates as text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def documents(fleet: Any) -> list[dict[str, Any]]:
    """The models of a parsed fleet file as they were written, with dates as text: what `export` gives back.

    Each model's share of a budget of the whole fleet is written to the model: one more model changes all of them.
    """
    models = [plain(model) for model in fleet.get("models") or []]
    if fleet.get("false_alarms_per_quarter"):
        share = {"check": "drift", "false_alarms_per_quarter": fleet["false_alarms_per_quarter"] / len(models)}
        for model in models:
            thresholds = model.get("thresholds") or []
            of_drift = [t for t in thresholds if t["check"] == "drift"]
            if any(t.get("false_alarms_per_quarter") for t in of_drift):
                continue
            if of_drift:  # beside its levels: of two thresholds of one check, only the last would count
                of_drift[-1] |= share
            else:
                model["thresholds"] = [*thresholds, share]
    return models


def parse(document: Any, where: str) -> Fleet:
    """Validate a parsed fleet document. Raises FleetError naming model and field."""
    try:
        return Fleet.model_validate(document)
    except ValidationError as error:
        problems = _problems(error, document)
        found = FleetError("; ".join(problems) + ".", where=where, mend="Mend the field and apply again.")
        found.problems = tuple(problems)
        raise found from error


def parse_model(document: Any, where: str) -> Model:
    """Validate one model's part of a fleet document."""
    return parse({"models": [document]}, where).models[0]


def parse_rule(document: Any, where: str) -> Rule:
    """Validate one fleet-wide rule of a fleet document."""
    return parse({"rules": [document]}, where).rules[0]


def load(path: Path) -> list[dict[str, Any]]:
    """The models of a fleet file, validated. Raises FleetError when it is missing, not YAML, or not a fleet."""
    return load_sections(path)["models"]


def load_sections(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lists that a fleet file holds (see SECTION_OF), as written. Raises FleetError like `load`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError("cannot be read", where=str(path), mend=f"Is the path right? ({error})") from error
    return read_sections(text, str(path))


def read(text: str, where: str) -> list[dict[str, Any]]:
    """The models of a fleet file's text, validated. Raises FleetError when it is not YAML, or not a fleet."""
    return read_sections(text, where)["models"]


def read_sections(text: str, where: str) -> dict[str, list[dict[str, Any]]]:
    """The lists of a fleet file's text. `models` is always among them."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FleetError(f"is not YAML: {error}", where=where, mend="Mend the line named above.") from error
    if not isinstance(document, dict) or not set(SECTION_OF.values()) & document.keys():
        raise FleetError("holds no `models:` list", where=where, mend="See docs/fleet.md for an example.")
    parse(document, where)
    others = {name: plain(document[name]) for name in SECTION_OF.values() if name in document}
    return others | {"models": documents(document)}


def dump(models: list[dict[str, Any]], **others: list[dict[str, Any]]) -> str:
    """Models, and what further lists there are, as the text of a fleet file."""
    filled = {name: listed for name, listed in others.items() if listed}
    return yaml.safe_dump({"models": models} | filled, sort_keys=False, allow_unicode=True)


def _problems(error: ValidationError, document: Any) -> list[str]:
    lines = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        kind = next((kind for kind, section in SECTION_OF.items() if place and place[0] == section), None)
        if len(place) > 1 and kind is not None and isinstance(document, dict):
            one = document[place[0]][int(place[1])] if place[1].isdigit() else {}
            name = one.get("key", one.get("name", place[1])) if isinstance(one, dict) else place[1]
            place = [f"{kind} {name}", *place[2:]]
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "no such field"
        lines.append(f"{' › '.join(place)}: {message}" if place else message)
    return lines
