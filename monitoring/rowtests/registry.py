"""The tests on rows, found by being there: a new one is one new file with a `@rowtest` function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from monitoring.core.multivariate.chance import Sides
from monitoring.core.multivariate.encoding import Floats, Integers, Rows

_TESTS: dict[str, RowTest] = {}


class NotJudged(Exception):
    """Nothing can be said of these rows; its text says why."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A test that knows its reference.

    `measure` of a window's rows lies on a scale where chance is near normal. `shares` says how much of it each
    feature has, adding up to 1; asked only of windows that have drifted. Both may raise NotJudged.
    """

    measure: Callable[[Rows], float]
    shares: Callable[[Rows], Floats]


@dataclass(frozen=True, slots=True)
class RowTest:
    """A registered test.

    `value` turns a measure, and the mean measure of chance, into the unit that verdicts and people use, and `words`
    says such a value; `warning` and `breached` are floors in that unit, below which no evidence makes it drift. Of a
    test of both `sides` the value is a ratio, 1 as in the reference, and its floors hold for 1 / value, too. Of a test
    `of_model`, a new version of the model explains what it finds.
    """

    name: str
    title: str
    sides: Sides
    warning: float
    breached: float
    value: Callable[[float, float], float]
    words: Callable[[float], str]
    fit: Callable[[Rows, Integers, int], Fitted]
    of_model: bool = False

    @property
    def help(self) -> str:
        """What it means: the test's docstring."""
        return self.fit.__doc__ or ""


class UnknownRowTest(ValueError):
    """No test has that name."""


def rowtest(
    name: str,
    *,
    title: str,
    sides: Sides,
    warning: float,
    breached: float,
    value: Callable[[float, float], float],
    words: Callable[[float], str],
    of_model: bool = False,
) -> Callable[[Callable[[Rows, Integers, int], Fitted]], Callable[[Rows, Integers, int], Fitted]]:
    """Register what fits a test to (reference rows, owner of each number, seed) under its name in thresholds."""

    def register(fit: Callable[[Rows, Integers, int], Fitted]) -> Callable[[Rows, Integers, int], Fitted]:
        _TESTS[name] = RowTest(name, title, sides, warning, breached, value, words, fit, of_model)
        return fit

    return register


def all_rowtests() -> list[RowTest]:
    """Every test, by name."""
    _discover()
    return [_TESTS[name] for name in sorted(_TESTS)]


def get(name: str) -> RowTest:
    """The test of that name. Raises UnknownRowTest naming the known ones."""
    _discover()
    if name not in _TESTS:
        raise UnknownRowTest(f"no test on rows is called {name!r}; known: {', '.join(sorted(_TESTS))}")
    return _TESTS[name]


@cache
def _discover() -> None:
    package = importlib.import_module("monitoring.rowtests")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"monitoring.rowtests.{module.name}")
