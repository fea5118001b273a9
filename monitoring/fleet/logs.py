"""Logs in the fleet file: where they are, and which column plays which part."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from monitoring.errors import FleetError
from monitoring.fleet.strict import Strict

_PASSWORD = re.compile(r"://([^:/@]*):[^@]*@")


class Columns(Strict):
    """Which column of the log plays which part."""

    id: str | None = None
    timestamp: str | None = None
    score: str | dict[str, str] | None = None
    prediction: str | None = None
    version: str | None = None
    latency_ms: str | None = None
    status: str | None = None
    slices: tuple[str, ...] = ()
    features: tuple[str, ...] | Literal["*"] = "*"
    feeds: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    categorical: tuple[str, ...] = ()
    label: str | None = None
    observed_at: str | None = None
    lower: str | None = None
    upper: str | None = None

    @model_validator(mode="after")
    def _feeds_are_of_features(self) -> Columns:
        for feed, columns in self.feeds.items():
            unknown = [c for c in columns if self.features != "*" and c not in self.features]
            if unknown:
                raise ValueError(f"feed {feed!r} names {', '.join(unknown)}, which `features` does not")
        return self

    def feed_of(self, column: str) -> str:
        """The feed that a feature comes from; "" where none is named."""
        return next((feed for feed, columns in self.feeds.items() if column in columns), "")


Meaning = Literal["ok", "error", "client_error", "left_out"]
"""What a status says of a request: answered; a server's error; the caller's fault; no request (a health check). The
last two are in no objective."""


def _as_texts(value: Any) -> Any:
    """YAML reads 429 as a number."""
    return {str(key): meant for key, meant in value.items()} if isinstance(value, dict) else value


class Log(Strict):
    """Where a log is, and its column mapping. `location` is a file, folder or glob; SQL takes `url` and `table`.
    `statuses` says what single statuses mean, where that is not what they usually do."""

    source: str
    location: str | None = None
    url: str | None = None
    table: str | None = None
    columns: Columns = Columns()
    statuses: Annotated[dict[str, Meaning], BeforeValidator(_as_texts)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_place(self) -> Log:
        if self.source == "sql" and not (self.url and self.table):
            raise ValueError("a source of kind sql needs `url` and `table`")
        if self.source != "sql" and not self.location:
            raise ValueError(f"a source of kind {self.source} needs `location`: a file, a folder or a glob")
        return self

    @property
    def place(self) -> str:
        """How to name it to a person; a password in a URL is left out."""
        if self.url is None:
            return self.location or ""
        return f"{hidden(self.url)} {self.table}"


def hidden(url: str) -> str:
    """A URL without its password."""
    return _PASSWORD.sub(r"://\1:***@", url)


def expand(url: str) -> str:
    """Put environment variables, written ${NAME}, into a URL. Raises FleetError for one that is not set."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise FleetError(f"the environment variable {name} is not set", where="url", mend=f"Set {name}.")
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", value, url)
