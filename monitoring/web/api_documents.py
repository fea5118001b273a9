"""What the API takes and gives, as documents that are checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from monitoring.core.retraining.guards import Guard
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Event, RetrainRequest
from monitoring.core.retraining.state import State

Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Name = Annotated[str, StringConstraints(max_length=100)]
Measure = Annotated[float, Field(allow_inf_nan=False)]
METRICS = 50


class Taken(BaseModel):
    """A misspelt field is an error, never ignored; a number in quotes is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Ask(Taken):
    """A retrain request to be made."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=80)] = Field(
        description="The model's key in the fleet file."
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)] = Field(
        description="Why, in a sentence: whoever approves reads it."
    )
    occasion: Short = Field(
        default="",
        description="What gave rise to it, such as a commit or a data set's version. The same one makes one request.",
    )


class Callback(Taken):
    """What a run says of itself. `order` is the id of the order it is for, `state` how it stands."""

    order: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="The order's id, as it was handed over."
    )
    state: Annotated[RunState, Field(strict=False)]
    progress: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False, description="The share that is done.")
    message: Annotated[str, StringConstraints(max_length=500)] = Field(default="", description="For a person.")
    version: Short = Field(default="", description="The version that has come out; needed where state is candidate.")
    metrics: dict[Name, Measure] = Field(default={}, max_length=METRICS, description="What the trainer measured.")
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="What it has cost, in your unit.")
    run: Short = Field(default="", description="The run's own name.")
    url: Annotated[str, StringConstraints(max_length=500)] = Field(default="", description="Where to look at the run.")

    @field_validator("url")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url

    @model_validator(mode="after")
    def _a_candidate_has_a_version(self) -> Self:
        if self.state == RunState.CANDIDATE and not self.version:
            raise ValueError("a candidate needs its version")
        return self

    @property
    def report(self) -> Report:
        """As the life of a request takes it."""
        return Report(
            self.state, self.progress, self.message, self.version, self.metrics, self.cost, self.run, self.url
        )


class Objection(BaseModel):
    """A guard's reason against."""

    guard: Guard
    words: str
    overridable: bool


class Happened(BaseModel):
    """A line of a request's history. `actor` is "" where Leeway itself acted."""

    at: datetime
    kind: str
    words: str
    actor: str


class Request(BaseModel):
    """A retrain request. Moments are UTC."""

    key: str
    model: str
    model_name: str
    owner: str
    state: State
    cause: Cause
    reason: str
    requester: str = Field(description='"" where Leeway itself asked.')
    opened_at: datetime
    changed_at: datetime
    objections: list[Objection] = Field(description="What speaks against it, as of the last look.")
    approver: str
    override: str = Field(description="Why it was approved against objections.")
    champion: str = Field(description="The version that served when it was made.")
    version: str = Field(description="The candidate.")
    train_until: datetime | None
    progress: float | None
    message: str
    run: str = Field(description="The dispatcher's own name of the run.")
    metrics: dict[str, Any] = Field(description="What the trainer measured itself.")
    verdict: str = Field(description='Of the newest comparison with the champion; "" before there is one.')
    gain: dict[str, Any] | None = Field(description="What promotion is expected to bring.")
    measured: dict[str, Any] | None = Field(description="What promotion has brought.")
    cost: float | None
    deadline: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, request: RetrainRequest) -> Self:
        """As it is now."""
        comparison = request.comparison or {}
        same = {name: getattr(request, name) for name in cls.model_fields if hasattr(request, name)}
        against = [Objection(guard=o.guard, words=o.words, overridable=o.overridable) for o in request.objections]
        return cls(**same | {"objections": against, "verdict": str(comparison.get("verdict", ""))})


class WithHistory(Request):
    """A retrain request with all that happened to it, oldest first, and what spoke for it."""

    evidence: dict[str, Any]
    history: list[Happened]

    @classmethod
    def told(cls, request: RetrainRequest, events: Sequence[Event]) -> Self:
        """With these events."""
        history = [Happened(at=e.at, kind=e.kind, words=e.words, actor=e.actor) for e in events]
        return cls(**Request.of(request).model_dump(), evidence=request.evidence, history=history)


class Requests(BaseModel):
    """Retrain requests, newest first."""

    requests: list[Request]


class Problem(BaseModel):
    """What is wrong, where, and how to mend it."""

    what: str
    where: str
    mend: str


class Refusal(BaseModel):
    """An answer other than 2xx."""

    error: Problem
