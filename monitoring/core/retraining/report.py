"""A report: what is known of the run of an order, by polling a dispatcher or by its callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RunState(StrEnum):
    """How a run stands.

    `queued` was taken and has not begun. `candidate` has brought a version out. `done` ended well and named no version:
    a promotion, a roll-back or a cancellation took place, or a retrain whose version is still to be told.
    """

    QUEUED = "queued"
    RUNNING = "running"
    CANDIDATE = "candidate"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a run.

    `progress` is a share of [0, 1], None where it is not told. `message` is for a person. `version` is the candidate's
    name, "" while there is none; `metrics` are what the trainer measured itself (never what is decided by). `cost` is
    in the model's `cost_unit`. `run` is the dispatcher's own name of the run, "" where it has told none; `url` is where
    a person can look at it.
    """

    state: RunState
    progress: float | None = None
    message: str = ""
    version: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    cost: float | None = None
    run: str = ""
    url: str = ""
