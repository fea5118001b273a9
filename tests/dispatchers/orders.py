"""Orders, and what a dispatcher works with, for the tests of dispatchers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitoring.core.retraining.order import Action, Order
from monitoring.dispatchers.dispatcher import Means
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from tests.patience import LONG, Patience

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def order(action: Action = Action.RETRAIN, **changes: Any) -> Order:
    made = Order(
        id="eta-1/1", action=action, request="eta-1", model="eta", model_name="Time of arrival", version="",
        run="", train_until=NOW, reason="AUC fell by .04", evidence={"auc": [0.81, 0.77]},
        callback="https://leeway.example/v1/retrain-requests/eta-1/callback", at=NOW,
    )  # fmt: skip
    return replace(made, **changes)


def means(
    home: Path, commands: str = "", environment: Mapping[str, str] = os.environ,
    clock: Callable[[], datetime] = lambda: NOW,
) -> Means:  # fmt: skip
    return Means(
        Http(Reach(loopback=True), seconds=LONG, clock=clock, limit=Patience), home, home, environment, commands
    )
