"""Whether a covariate explains a movement, on series whose cause is known."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.core.covariate import FEWEST, follow

Floats = np.ndarray
DAYS, REFERENCE = 200, 28
WARM = -np.cos(2 * np.pi * np.arange(DAYS) / 365)
"""From the coldest day of the year to beyond the warmest."""


def measured(column: Floats, covariate: Floats, rows: float = 100.0) -> list:
    other = np.zeros((len(column), 2))
    return follow(covariate, np.column_stack([column, other]), np.full((len(column), 3), 1 / rows), REFERENCE)


def noisy(values: Floats, seed: int, deviation: float = 0.1) -> Floats:
    return np.asarray(values + np.random.default_rng(seed).normal(0, deviation, len(values)))


def test_a_column_that_goes_with_its_covariate_is_explained_all_the_way_from_winter_to_summer() -> None:
    warm = noisy(WARM, 1)
    found = measured(noisy(5 + 3 * warm, 2), warm)
    assert found[:REFERENCE] == [None] * REFERENCE
    summer = [e for e in found[120:] if e is not None]
    assert len(summer) == 80 and sum(e.explained for e in summer) >= 79
    assert summer[0].predicted == pytest.approx(5 + 3 * warm[120], abs=0.3) and summer[0].width < 1


@pytest.mark.parametrize("fault", [0.6, -0.6, 4.0])
def test_a_fault_in_summer_is_not_explained_and_is_never_learned(fault: float) -> None:
    warm = noisy(WARM, 1)
    broken = np.where(np.arange(DAYS) >= 150, fault, 0.0)
    found = measured(noisy(5 + 3 * warm + broken, 2), warm)
    assert not any(e.explained for e in found[150:] if e is not None)
    assert all(e.explained for e in found[120:150] if e is not None)


def test_a_movement_that_has_nothing_to_do_with_the_covariate_is_not_explained() -> None:
    warm = noisy(WARM, 1)
    creeping = np.maximum(np.arange(DAYS) - REFERENCE, 0) * 0.05
    for covariate in (warm, noisy(np.zeros(DAYS), 3)):
        jump = np.where(np.arange(DAYS) >= 60, 2.0, 0.0)
        assert not any(e.explained for e in measured(noisy(jump, 4), covariate)[60:] if e is not None)
    assert not any(e.explained for e in measured(noisy(creeping, 4), noisy(np.zeros(DAYS), 3))[60:] if e is not None)


def test_a_band_that_would_hold_anything_explains_nothing() -> None:
    """A covariate that jumps to where nobody has seen it predicts anything at all."""
    covariate = noisy(np.where(np.arange(DAYS) >= 60, 50.0, 0.0), 1)
    (first,) = [e for e in measured(noisy(np.where(np.arange(DAYS) >= 60, 2.0, 0.0), 4), covariate)[60:61] if e]
    assert not first.explained and first.width > 2 and first.beyond is None


def test_more_than_the_mean_must_be_as_the_covariate_has_it() -> None:
    warm = noisy(WARM, 1)
    column = noisy(5 + 3 * warm, 2)
    nulls = np.where(np.arange(DAYS) >= 150, 0.5, 0.0)
    found = follow(warm, np.column_stack([column, np.zeros(DAYS), nulls]), np.full((DAYS, 3), 0.01), REFERENCE)
    assert found[149].explained and not any(e.explained for e in found[150:])
    assert {e.beyond for e in found[150:]} == {2} and found[149].beyond is None


def test_windows_without_rows_are_passed_over_and_too_few_say_nothing() -> None:
    warm = noisy(WARM, 1)
    column = noisy(5 + 3 * warm, 2)
    column[130] = np.nan
    found = measured(column, warm)
    assert found[130] is None and found[131].explained
    few = np.where(np.arange(DAYS) < REFERENCE - FEWEST + 1, np.nan, column)
    assert measured(few, warm)[REFERENCE] is None
    assert measured(np.where(np.arange(DAYS) < REFERENCE, np.nan, column), warm) == [None] * DAYS
