"""What every dispatcher has: what it can do, a way to hand an order over, and a way to look what became of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report
from monitoring.dispatchers.outcome import Outcome, Refused, Retry
from monitoring.notifiers.http import Http
from monitoring.notifiers.secrets import Referring, Secret


@dataclass(frozen=True, slots=True)
class Means:
    """What a dispatcher works with.

    `home` is Leeway's own folder, `base` the one that relative paths of the model start from, `environment` that of the
    worker, and `commands` what the operator lets dispatchers run on this machine (see settings).
    """

    http: Http
    home: Path
    base: Path
    environment: Mapping[str, str]
    commands: str

    @property
    def now(self) -> datetime:
        """The present."""
        return self.http.clock()


class Dispatcher(Referring):
    """A dispatcher as it stands in the fleet file. Its class's docstring is its help on screen."""

    title: ClassVar[str] = ""
    settles: ClassVar[timedelta] = timedelta(0)
    """How long after an unclear order "nothing is known of it" cannot be believed yet."""
    pace: ClassVar[tuple[float, float]] = (5.0, 60.0)
    """Seconds between the first looks at a run, and at most."""
    registers: ClassVar[bool] = False
    """Whether it knows the versions that others bring out."""

    kind: str
    callback_secret: Secret = Field(
        default="",
        description="Signs what the run reports to Leeway by itself, as ${NAME}; set where the dashboard runs, too.",
    )

    @property
    def actions(self) -> frozenset[Action]:
        """What it can be told to do, as it is set up."""
        return frozenset({Action.RETRAIN, Action.CANCEL})

    @property
    def sees(self) -> bool:
        """Whether it can be asked what became of an order."""
        return True

    @property
    def repeatable(self) -> bool:
        """Whether it drops an order that it has had before: then one that may have been taken may be sent again."""
        return False

    @abstractmethod
    def dispatch(self, order: Order, means: Means) -> Outcome:
        """Hand an order over, once. Secrets are in place: it is called on what `expanded` gave."""

    @abstractmethod
    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """How an order's run stands; `run` is "" where its name is not known. None: nothing is known of this order."""

    def check(self, http: Http) -> None:
        """Whether its server may be reached, without sending. Raises guard.Forbidden and OSError."""

    def usable(self, means: Means) -> None:
        """Whether it can be used here, without ordering anything. Raises guard.Forbidden, LeewayError and OSError."""
        self.check(means.http)
