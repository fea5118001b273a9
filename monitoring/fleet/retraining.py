"""Retraining in the fleet file: who retrains a model, what asks for it, and what has to hold first."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from monitoring.core.retraining.guards import Limits
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import Policy
from monitoring.dispatchers.dispatcher import Dispatcher
from monitoring.dispatchers.registry import parse
from monitoring.errors import DispatcherError
from monitoring.fleet.logs import Log
from monitoring.fleet.strict import Strict
from monitoring.fleet.thresholds import Check
from monitoring.fleet.times import Positive, Span

Proposer = Literal["flag", "alert", "threshold", "schedule"]


def _of_its_kind(value: Any) -> Any:
    if isinstance(value, Dispatcher):
        return value
    try:
        return parse(value)
    except DispatcherError as error:
        raise ValueError(error.what.rstrip(".")) from None


AnyDispatcher = Annotated[SerializeAsAny[Dispatcher], BeforeValidator(_of_its_kind)]
"""A dispatcher of whatever kind its document names."""


class Retraining(Strict):
    """How a model is retrained.

    `propose` says what may make a request by itself: the flag *needs retraining*, an alert that fires for one of
    `checks` or a breach of one in its newest mature window, or every `every`; a person and the API always may.
    `holdout` stays out of the training, so that a candidate can be compared on it at once. `shadow` is a log of a
    candidate's predictions for ids of the prediction log. `cost` is of one retrain and `value` what one unit of the
    main metric is worth for a thousand predictions, both in the same unit of your own.
    """

    dispatcher: AnyDispatcher | None = None
    registry: AnyDispatcher | None = None
    propose: tuple[Proposer, ...] = ("flag",)
    checks: tuple[Check, ...] = ()
    every: Positive | None = None
    production: bool = False
    approval: bool = True
    cooldown: Span = timedelta(hours=24)
    most_per_week: int = Field(default=2, ge=1)
    labels: int = Field(default=1000, ge=0)
    labels_per_class: int = Field(default=50, ge=0)
    label_coverage: float = Field(default=0.5, ge=0, le=1)
    holdout: Span = timedelta(days=7)
    timeout: Positive = timedelta(hours=6)
    windows: int = Field(default=3, ge=1)
    cost: float | None = Field(default=None, ge=0)
    value: float | None = Field(default=None, gt=0)
    shadow: Log | None = None

    def does(self, action: Action) -> bool:
        """Whether a dispatcher carries an action out; else a person does it elsewhere."""
        return any(one is not None and action in one.actions for one in (self.dispatcher, self.registry))

    @property
    def limits(self) -> Limits:
        """What its guards go by."""
        return Limits(self.cooldown, self.most_per_week, self.labels, self.labels_per_class, self.label_coverage)

    @property
    def policy(self) -> Policy:
        """What is frozen into each of its requests."""
        kind = "" if self.dispatcher is None else self.dispatcher.kind
        return Policy(kind, self.approval, self.production, self.timeout, self.windows, self.cost)
