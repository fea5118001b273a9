"""How much windows resemble the ones before, told by several columns: on columns whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.core.calibration.between import RHO_PRIOR, RHOS
from monitoring.core.calibration.dependence import GENERAL, Told, dependence, told
from monitoring.core.calibration.windows import Known
from monitoring.core.grid import CategoricalGrid, NumericGrid

Floats = np.ndarray
GRID = NumericGrid(0.0, 1.0)
EVERY = np.unique(GRID.code(np.linspace(-8, 8, 4001))).astype(np.int32)
GENERALLY = np.asarray(RHO_PRIOR) / sum(RHO_PRIOR)


def column(random: np.random.Generator, along: float, windows: int = 30, effect: float = 0.3) -> Told:
    """A normal column of 200 rows a window, whose level goes on to the next by `along`."""
    level = random.normal(size=windows)
    for at in range(1, windows):
        level[at] = along * level[at - 1] + np.sqrt(1 - along**2) * level[at]
    codes = GRID.code(effect * level[:, None] + random.normal(size=(windows, 200)))
    return told(
        GRID, EVERY, known(np.stack([np.bincount(np.searchsorted(EVERY, c), minlength=len(EVERY)) for c in codes]))
    )


def known(counts: Floats) -> Known:
    return Known(counts.astype(float), np.zeros(len(counts), dtype=np.int64), np.arange(len(counts)), 1)


def mean(prior: Floats) -> float:
    return float(prior @ np.asarray(RHOS))


@pytest.mark.parametrize("along", [0.0, 0.6, 0.9])
def test_six_columns_tell_a_seventh_how_much_days_resemble_each_other(along: float) -> None:
    random = np.random.default_rng(1)
    found = np.mean([mean(dependence([column(random, along) for _ in range(7)])[0]) for _ in range(10)])
    assert abs(found - along) < abs(mean(GENERALLY) - along), "nearer to the truth than what is generally so"


def test_one_column_alone_knows_what_is_generally_so() -> None:
    (prior,) = dependence([column(np.random.default_rng(2), 0.9)])
    assert prior == pytest.approx(GENERALLY)


def test_a_column_told_many_times_is_no_news_to_itself_and_counts_once_for_another() -> None:
    random = np.random.default_rng(3)
    one, other = column(random, 0.9), column(random, 0.0)
    copies = dependence([one] * 5)
    assert copies == pytest.approx(np.tile(GENERALLY, (5, 1)))
    once, often = dependence([other, one])[0], dependence([other, *[one] * 20])[0]
    assert mean(once) > mean(GENERALLY)
    assert often == pytest.approx(once, abs=0.05)


def test_columns_that_are_told_by_others_are_never_told_everything() -> None:
    random = np.random.default_rng(4)
    prior = dependence([column(random, 0.9) for _ in range(20)])
    assert prior.sum(axis=1) == pytest.approx(1.0)
    assert (prior > GENERALLY * GENERAL / (GENERAL + 20) / 2).all(), "a column may be of its own kind"


def test_constant_columns_say_next_to_nothing_and_heaps_nothing() -> None:
    grid, codes = CategoricalGrid(("a", "b")), np.asarray([0, 1], dtype=np.int32)
    constant = told(grid, codes, known(np.tile([50.0, 0.0], (30, 1))))
    heap = Known(np.asarray([[5.0, 6.0]]), np.zeros(1, np.int64), np.zeros(1, np.int64), 1, independent=True)
    assert constant.likelihood.min() > 0.75
    assert told(grid, codes, heap).likelihood == pytest.approx(1.0)


def test_a_category_that_comes_and_goes_for_days_tells_it() -> None:
    random = np.random.default_rng(5)
    share = np.where(np.arange(40) // 10 % 2 == 0, 0.3, 0.6)
    counts = random.binomial(300, share)
    sticky = told(
        CategoricalGrid(("a", "b")), np.asarray([0, 1], dtype=np.int32), known(np.stack([counts, 300 - counts], 1))
    )
    assert RHOS[int(sticky.likelihood.argmax())] >= 0.7
