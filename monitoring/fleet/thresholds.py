"""Thresholds in the fleet file: a model's own, and fleet-wide rules that hold where a model has none of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from monitoring.core.alerting.waits import Waits, alerts
from monitoring.core.checks import CHECKS, known
from monitoring.core.performance.metric import metrics_for
from monitoring.fleet.references import MovingReference
from monitoring.fleet.strict import Strict
from monitoring.fleet.times import Days, Wait

Direction = Literal["both", "up", "down"]
Trait = Literal["model", "owner", "task", "mode", "target", "tag"]

ASKED_FOR = ("drift.multivariate",)
"""Checks that are made only where a threshold names them."""
WAITS = ("for", "keep_firing_for")
"""As a threshold writes them."""


class Daylight(Strict):
    """The hours of daylight at a latitude in degrees, north positive, `lag` days before: a covariate of what goes with
    the season. What the sun warms follows it by a month or so."""

    latitude: float = Field(ge=-90, le=90)
    lag: Days | None = None

    def __str__(self) -> str:
        return "the hours of daylight" + (f" {self.lag // 24} days before" if self.lag else "")


Covariate = str | Daylight
"""What may explain how a column moves: a feature of the log, by its name, or the calendar."""


def _known_check(name: str) -> str:
    if not known(name):
        raise ValueError(f"no check is called {name!r}; the checks are {', '.join(CHECKS)}, performance.<metric>")
    return name


Check = Annotated[str, AfterValidator(_known_check)]


class Stated(Strict):
    """What is said of a check, whoever says it. `method` chooses the stattest.

    `false_alarms_per_quarter` is the budget of a check that is held against chance, `reference` another reference than
    the model's for a drift check, `covariate` what may explain how its column moves: a feature, or the daylight. `wait`
    (written `for`) is how long it must be beyond its level before an alert fires, `keep` (`keep_firing_for`) how long
    it must be good before that is resolved: they change no verdict.
    """

    check: Check
    column: str | None = None
    method: str | None = None
    warning: float | None = None
    breached: float | None = None
    direction: Direction | None = None
    min_rows: int | None = Field(default=None, gt=0)
    false_alarms_per_quarter: float | None = Field(default=None, gt=0)
    reference: MovingReference | None = None
    covariate: Covariate | None = None
    wait: Wait | None = Field(default=None, alias="for")
    keep: Wait | None = Field(default=None, alias="keep_firing_for")


class Threshold(Stated):
    """What a check of one model is held against. `column`, `slice` and `version` narrow it."""

    slice: str | None = None
    version: str | None = None
    _rule: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _there_is_an_alert_to_wait_for(self) -> Threshold:
        if self.waits and not alerts(self.check):
            raise ValueError(f"{self.check} alerts nobody, so `for` and `keep_firing_for` say nothing")
        return self

    @property
    def waits(self) -> Waits | None:
        """What it says of waiting; None where nothing."""
        if self.wait is None and self.keep is None:
            return None
        return Waits(self.check, self.column, self.slice, self.version, self.wait, self.keep, not self.rule)

    @property
    def judging(self) -> Threshold | None:
        """The same without what it says of waiting; None where that is all. One that names a check which is made only
        where it is named asks for it, whatever else it says."""
        if self.waits is None:
            return self
        rest = self.model_copy(update={"wait": None, "keep": None})
        says = {name for name in type(self).model_fields if getattr(rest, name) is not None}
        return rest if says - {"check", "column", "slice", "version"} or self.check in ASKED_FOR else None

    def explained_by(self, features: Sequence[str] | Literal["*"]) -> None:
        """Raises ValueError where `covariate` cannot explain what this is about, in a log of these features."""
        of = ("drift.feature", "drift.prediction", "drift.label")
        if self.check not in of:
            raise ValueError(f"`covariate` explains how a column moves: of {', '.join(of)}, not of {self.check}")
        if self.covariate == self.column and self.check == "drift.feature":
            raise ValueError(f"{self.column} cannot be the covariate that explains itself")
        if isinstance(self.covariate, str) and features != "*" and self.covariate not in features:
            raise ValueError(f"the covariate {self.covariate!r} is none of the model's features")

    @property
    def rule(self) -> str:
        """The fleet-wide rule that it comes from; "" where it is the model's own."""
        return self._rule

    def covers(self, other: Threshold) -> bool:
        """Whether it holds wherever another one would."""
        same = self.check == other.check
        return same and all(
            getattr(self, name) in (None, getattr(other, name)) for name in ("column", "slice", "version")
        )


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Values = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]


class Rule(Stated):
    """A threshold of many models: of those with one of the values named for each trait. Without matchers it is
    of all. It holds where a model has no threshold of its own; of several the narrowest, else the last."""

    key: str = Field(pattern=r"^[a-z0-9-]+$", max_length=80)
    matchers: dict[Trait, Values] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if not any(getattr(self, name) is not None for name in Stated.model_fields if name not in ("check", "column")):
            raise ValueError("a rule needs something to say: `warning`, `breached`, `min_rows`, …")
        family, _, name = self.check.partition(".")
        if family in ("performance", "estimated") and not any(metric == name for metric in every_metric()):
            raise ValueError(f"no metric is called {name!r}; the metrics are {', '.join(every_metric())}")
        self.threshold()
        return self

    @property
    def metric(self) -> str | None:
        """The metric that it is about; None where it is about none."""
        family, _, name = self.check.partition(".")
        return name if family in ("performance", "estimated") else None

    def fits(self, traits: Mapping[str, Sequence[str]]) -> bool:
        """Whether a model with these traits is one of its."""
        return all(set(values) & set(traits.get(name, ())) for name, values in self.matchers.items())

    def threshold(self) -> Threshold:
        """The same as a model's threshold."""
        found = Threshold(**{name: getattr(self, name) for name in Stated.model_fields})
        found._rule = self.key
        return found


def every_metric() -> list[str]:
    """The metrics of all tasks, by name."""
    tasks = ("binary_classification", "multiclass_classification", "regression")
    return sorted({metric.name for task in tasks for metric in metrics_for(task)})


def inherited(own: Iterable[Threshold], rules: Iterable[Rule]) -> tuple[Threshold, ...]:
    """What rules say where a model's own thresholds say nothing."""
    mine = tuple(own)
    found = (judging for rule in rules if (judging := rule.threshold().judging) is not None)
    return tuple(one for one in found if not any(t.covers(one) for t in mine))


def with_own(
    thresholds: Sequence[Mapping[str, Any]], about: Mapping[str, Any], values: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """A model's thresholds with that of one check in the place of the one before; None takes it out."""
    fitting = [at for at, t in enumerate(thresholds) if same(t, about)]
    stays = ("method", "reference", "covariate")
    kept = {} if not fitting else {k: v for k, v in thresholds[fitting[-1]].items() if k in stays}
    new = [] if values is None else [{**about, **kept, **values}]
    out: list[dict[str, Any]] = []
    for at, t in enumerate(thresholds):
        if at not in fitting:
            out.append(dict(t))
        elif at == fitting[-1]:
            out += new
    return out if fitting else [*out, *new]


def same(threshold: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Whether a threshold as written is of that check and column, of no slice and no version."""
    named = all(threshold.get(name) == about.get(name) for name in ("check", "column"))
    method = "method" not in about or threshold.get("method") in (None, about["method"])
    return named and method and not threshold.get("slice") and not threshold.get("version")
