"""The drift tests, found by being there: a new one is one new file with a `@stattest` function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from monitoring.core.binned import Binned

Kind = Literal["numeric", "categorical"]
BOTH: tuple[Kind, ...] = ("numeric", "categorical")
_TESTS: dict[str, Stattest] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """`statistic` is an effect size that grows with drift; `p_value` its evidence, None where there is none.

    A window without rows is no evidence: the statistic is finite, the p-value None or 1. Verdicts say `no_data` or
    `insufficient_data` before a test is asked.
    """

    statistic: float
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Stattest:
    """A registered test. `warning` and `breached` are default floors on the statistic, in its own unit."""

    name: str
    title: str
    kinds: tuple[Kind, ...]
    warning: float
    breached: float
    run: Callable[[Binned], Result]

    @property
    def help(self) -> str:
        """What it means: the test's docstring."""
        return self.run.__doc__ or ""


class UnknownStattest(ValueError):
    """No test has that name."""


def stattest(
    name: str, *, title: str, warning: float, breached: float, kinds: tuple[Kind, ...] = BOTH
) -> Callable[[Callable[[Binned], Result]], Callable[[Binned], Result]]:
    """Register a test under the name used in thresholds, verdicts and on screen."""

    def register(run: Callable[[Binned], Result]) -> Callable[[Binned], Result]:
        _TESTS[name] = Stattest(name, title, kinds, warning, breached, run)
        return run

    return register


def all_stattests() -> list[Stattest]:
    """Every test, by name."""
    _discover()
    return [_TESTS[name] for name in sorted(_TESTS)]


def get(name: str) -> Stattest:
    """The test of that name. Raises UnknownStattest naming the known ones."""
    _discover()
    if name not in _TESTS:
        raise UnknownStattest(f"no drift test is called {name!r}; known: {', '.join(sorted(_TESTS))}")
    return _TESTS[name]


def default_for(kind: Kind) -> Stattest:
    """KS for numbers, total variation for categories: both read as "this share of rows moved", with a p-value."""
    return get("ks" if kind == "numeric" else "total_variation")


@cache
def _discover() -> None:
    package = importlib.import_module("monitoring.stattests")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"monitoring.stattests.{module.name}")
