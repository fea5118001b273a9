"""The windows and factors of burn-rate alerting, read from windows.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A long and a short window, in minutes; `factor` is the burn rate at which both together fire."""

    severity: Severity
    budget: float
    long: int
    short: int
    factor: float

    @property
    def name(self) -> str:
        """Such as "1h/5m"."""
        return f"{span(self.long)}/{span(self.short)}"


@dataclass(frozen=True, slots=True)
class Period:
    """An objective's period, and its window pairs."""

    name: str
    minutes: int
    pairs: tuple[Pair, ...]


@cache
def period(name: str) -> Period:
    """The period of that name (7d, 28d, 30d). KeyError for another."""
    table = tomllib.loads((files("monitoring.core.slo") / "windows.toml").read_text())[name]
    minutes = int(table["minutes"])
    pairs = tuple(
        Pair(p["severity"], p["budget"], p["long"], p["short"], p["budget"] * minutes / p["long"])
        for p in table["pairs"]
    )
    return Period(name, minutes, pairs)


def span(minutes: int) -> str:
    """A stretch of time as Prometheus writes it, such as "5m"."""
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
