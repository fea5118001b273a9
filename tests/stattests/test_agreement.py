"""Each binned statistic against SciPy, or its plain formula, on the raw rows it was counted from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from monitoring.core.binned import Binned, align
from monitoring.core.grid import REST, CategoricalGrid
from monitoring.core.histogram import from_cells
from monitoring.logs.profiling import NAMED, fitted
from monitoring.stattests.counts import pooled
from monitoring.stattests.registry import all_stattests, get

Floats = np.ndarray
SEEDS = (1, 2, 3, 4, 5)
SHIFTS = (0.0, 0.1, 0.5)
LARGE, SMALL = (20_000, 5_000), (5_000, 500)

BOUNDS: dict[str, tuple[float, float]] = {
    "ks": (0.004, 0.01),
    "cramer_von_mises": (0.0006, 0.0015),
    "anderson_darling": (0.01, 0.015),
    "mann_whitney": (0.0006, 0.002),
    "t_test": (0.0025, 0.0035),
    "wasserstein": (0.0025, 0.0035),
    "energy": (0.0015, 0.0035),
    "epps_singleton": (0.008, 0.03),
    "mmd": (0.002, 0.004),
    "psi": (0.005, 0.035),
}
"""Largest absolute error of a numeric statistic: at 20,000 reference and 5,000 current rows, and at 5,000 and 500."""

EXCEPTIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("epps_singleton", "two modes far apart"): (0.02, 0.1),
    ("psi", "sharp edges"): (0.05, 0.25),
}
"""Wider, and why. Epps–Singleton: the class that spans the gap between two modes has its middle in the gap. PSI: the
current window leaves the reference's lowest part, and the logarithm of a share near 0 hangs on single rows."""

EXACT_BOUND = 1e-9
"""Tests over classes, on the same classes: nothing is lost. For numbers the classes are the grid's; for categories, all
that are named (100), so exact up to there."""

LISTED_200 = {"total_variation": 0.04, "hellinger": 0.04, "jensen_shannon": 0.05}
"""200 categories, of which 100 are named and the rest are one class: how far below the statistic over all 200, at
20,000 and 5,000 rows. It is never above."""


class Pair(NamedTuple):
    """Raw rows of two windows and their counts."""

    reference: Floats
    current: Floats
    binned: Binned


def normal(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return rng.normal(shift, 1, n)


def heavy_tail(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return np.exp(rng.normal(shift, 1.5, n))


def integers(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return rng.poisson(6 + 2 * shift, n).astype(float)


def far_from_zero(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return rng.normal(1013 + 7 * shift, 7, n)


def two_modes(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return np.where(rng.random(n) < 0.5 + shift / 8, rng.normal(0, 1, n), rng.normal(1e4, 1, n))


def sharp_edges(rng: np.random.Generator, n: int, shift: float) -> Floats:
    return 1.7e9 + 86_400 * (rng.uniform(0, 30, n) + 5 * shift)


SHAPES: dict[str, Callable[[np.random.Generator, int, float], Floats]] = {
    "normal": normal,
    "log-normal, heavy tail": heavy_tail,
    "integers with ties": integers,
    "far from zero, pressure": far_from_zero,
    "two modes far apart": two_modes,
    "sharp edges": sharp_edges,
}


def cumulative(rows: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Shares of rows at or below, and below, each value."""
    ordered = np.sort(rows)
    return np.searchsorted(ordered, at, "right") / len(rows), np.searchsorted(ordered, at, "left") / len(rows)


def scale(n: int, m: int) -> float:
    return (n + m) / (n * m)


def raw_ks(r: Floats, c: Floats) -> float:
    return float(stats.ks_2samp(r, c, method="asymp").statistic)


def raw_cramer_von_mises(r: Floats, c: Floats) -> float:
    """Root of int (F - G)^2 dH. SciPy's T differs with ties, and is compared without."""
    at, ties = np.unique(np.concatenate([r, c]), return_counts=True)
    (f, _), (g, _) = cumulative(r, at), cumulative(c, at)
    return float(np.sqrt(((f - g) ** 2 * ties).sum() / ties.sum()))


def raw_anderson_darling(r: Floats, c: Floats) -> float:
    """Root of A2akN (n + m) / (n m) (N / (N - 1)), as anderson_ksamp has it before it is standardised."""
    at, ties = np.unique(np.concatenate([r, c]), return_counts=True)
    (f, f0), (g, g0) = cumulative(r, at), cumulative(c, at)
    weight = ties / ties.sum()
    middle = np.cumsum(weight) - weight / 2
    under = middle * (1 - middle) - weight / 4
    inside = under > 1e-12
    gap = (f + f0 - g - g0) / 2
    return float(np.sqrt((gap[inside] ** 2 / under[inside] * weight[inside]).sum()))


def raw_mann_whitney(r: Floats, c: Floats) -> float:
    u = stats.mannwhitneyu(c, r, method="asymptotic", use_continuity=False).statistic
    return float(abs(2 * u / (len(r) * len(c)) - 1))


def raw_t_test(r: Floats, c: Floats) -> float:
    return float(abs(c.mean() - r.mean()) / r.std(ddof=1))


def raw_wasserstein(r: Floats, c: Floats) -> float:
    return float(stats.wasserstein_distance(r, c) / r.std(ddof=1))


def raw_energy(r: Floats, c: Floats) -> float:
    return float(stats.energy_distance(r, c) / np.sqrt(r.std(ddof=1)))


def raw_epps_singleton(r: Floats, c: Floats) -> float:
    n, m = len(r), len(c)
    w2 = stats.epps_singleton_2samp(r, c).statistic
    return float(min(1.0, np.sqrt(w2 * scale(n, m))))


def raw_mmd(r: Floats, c: Floats) -> float:
    t = np.linspace(0.25, 4.0, 16)
    waves = [np.exp(1j * np.outer(t, (x - r.mean()) / r.std(ddof=1))).mean(axis=1) for x in (r, c)]
    weight = np.exp(-(t**2) / 2)
    return float(np.sqrt((weight * np.abs(waves[0] - waves[1]) ** 2).sum() / weight.sum()))


def raw_psi(r: Floats, c: Floats) -> float:
    edges = np.unique(np.quantile(r, np.arange(1, 10) / 10))
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) / len(x) for x in (r, c))
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(((q - p) * np.log(q / p)).sum())


RAW: dict[str, Callable[[Floats, Floats], float]] = {
    "ks": raw_ks,
    "cramer_von_mises": raw_cramer_von_mises,
    "anderson_darling": raw_anderson_darling,
    "mann_whitney": raw_mann_whitney,
    "t_test": raw_t_test,
    "wasserstein": raw_wasserstein,
    "energy": raw_energy,
    "epps_singleton": raw_epps_singleton,
    "mmd": raw_mmd,
    "psi": raw_psi,
}


@cache
def numeric(shape: str, sizes: tuple[int, int], seed: int, shift: float) -> Pair:
    """Two windows of a shape, counted on the grid the project fits to the reference."""
    rng = np.random.default_rng([seed, round(shift * 10), sizes[1]])
    reference, current = SHAPES[shape](rng, sizes[0], 0.0), SHAPES[shape](rng, sizes[1], shift)
    grid = fitted(reference)
    counts = [from_cells(grid.code(x), np.ones(len(x), dtype=np.int64)) for x in (reference, current)]
    return Pair(reference, current, align(grid, *counts))


@cache
def categorical(size: int, seed: int, drifted: bool) -> Pair:
    """Zipf-like categories by number, the frequent first; the grid names the reference's top 100."""
    rng = np.random.default_rng([seed, size, drifted])
    share = 1 / np.arange(3, size + 3)
    share /= share.sum()
    moved = 0.7 * share + 0.3 * np.roll(share, 1) if drifted else share
    reference, current = rng.choice(size, LARGE[0], p=share), rng.choice(size, LARGE[1], p=moved)
    order = np.argsort(-np.bincount(reference, minlength=size), kind="stable")
    code = np.full(size, REST)
    code[order[:NAMED]] = np.arange(min(NAMED, size))
    grid = CategoricalGrid(tuple(str(v) for v in order[:NAMED]), tuple(str(v) for v in order[NAMED:]))
    counts = [from_cells(code[x], np.ones(len(x), dtype=np.int64)) for x in (reference, current)]
    return Pair(reference, current, align(grid, *counts))


def shares(pair: Pair, size: int) -> tuple[Floats, Floats]:
    return tuple(np.bincount(x, minlength=size) / len(x) for x in (pair.reference, pair.current))  # type: ignore[return-value]


@pytest.mark.filterwarnings("ignore:Estimated covariance matrix does not have full rank")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize(("size", "sizes"), [(0, LARGE), (1, SMALL)], ids=["large windows", "small windows"])
def test_a_numeric_statistic_is_that_of_the_raw_rows_within_its_bound(name, shape, size, sizes):
    bound = EXCEPTIONS.get((name, shape), BOUNDS[name])[size]
    for seed in SEEDS:
        for shift in SHIFTS:
            pair = numeric(shape, sizes, seed, shift)
            expected = RAW[name](pair.reference, pair.current)
            assert get(name).run(pair.binned).statistic == pytest.approx(expected, abs=bound), (seed, shift)


@pytest.mark.parametrize("name", ["ks", "mann_whitney", "anderson_darling", "cramer_von_mises"])
def test_statistics_of_ranks_are_exact_where_each_value_has_a_class_of_its_own(name):
    pair = numeric("integers with ties", LARGE, 1, 0.1)
    assert get(name).run(pair.binned).statistic == pytest.approx(RAW[name](pair.reference, pair.current), abs=1e-12)


@pytest.mark.parametrize("shape", ["normal", "integers with ties"])
def test_the_plain_anderson_darling_formula_is_scipys(shape):
    pair = numeric(shape, SMALL, 1, 0.1)
    n, m = SMALL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its p-value is floored
        standard = stats.anderson_ksamp([pair.reference, pair.current], variant="midrank").statistic
    a2 = standard * _anderson_darling_deviation(n, m) + 1
    assert raw_anderson_darling(pair.reference, pair.current) == pytest.approx(np.sqrt(a2 * scale(n, m)), rel=1e-3)


def _anderson_darling_deviation(n: int, m: int) -> float:
    """Standard deviation of A2akN for two samples: Scholz & Stephens 1987, equation 4."""
    total, k = n + m, 2
    inverse = 1 / n + 1 / m
    h = (1 / np.arange(1, total)).sum()
    g = ((1 / np.arange(total - 1, 1, -1)).cumsum() / np.arange(2, total)).sum()
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    return float(np.sqrt((a * total**3 + b * total**2 + c * total + d) / ((total - 1.0) * (total - 2) * (total - 3))))


@pytest.mark.parametrize("shape", ["normal", "far from zero, pressure"])
def test_the_plain_cramer_von_mises_formula_is_scipys_without_ties(shape):
    pair = numeric(shape, SMALL, 2, 0.5)
    t = stats.cramervonmises_2samp(pair.reference, pair.current, method="asymptotic").statistic
    assert raw_cramer_von_mises(pair.reference, pair.current) == pytest.approx(np.sqrt(t * scale(*SMALL)), rel=2e-3)


P_VALUES: dict[str, Callable[[Floats, Floats], float]] = {
    "ks": lambda r, c: stats.ks_2samp(r, c, method="asymp").pvalue,
    "mann_whitney": lambda r, c: stats.mannwhitneyu(c, r, method="asymptotic", use_continuity=False).pvalue,
    "t_test": lambda r, c: stats.ttest_ind(c, r, equal_var=False).pvalue,
    "epps_singleton": lambda r, c: stats.epps_singleton_2samp(r, c).pvalue,
}
P_BOUNDS = {"ks": 0.2, "mann_whitney": 0.04, "t_test": 0.05, "epps_singleton": 0.25}
"""Largest difference of a p-value without drift. KS's is on the safe side: no gap inside a class is seen."""


@pytest.mark.parametrize("shape", ["normal", "log-normal, heavy tail", "far from zero, pressure"])
@pytest.mark.parametrize("name", P_VALUES)
def test_a_p_value_is_about_that_of_the_raw_rows(name, shape):
    for seed in SEEDS:
        pair = numeric(shape, LARGE, seed, 0.0)
        found = get(name).run(pair.binned).p_value
        assert found == pytest.approx(P_VALUES[name](pair.reference, pair.current), abs=P_BOUNDS[name]), seed


@pytest.mark.parametrize("name", P_VALUES)
def test_a_p_value_is_as_decided_as_that_of_the_raw_rows_where_there_is_drift(name):
    pair = numeric("normal", SMALL, 1, 0.5)
    expected = P_VALUES[name](pair.reference, pair.current)
    assert np.log10(get(name).run(pair.binned).p_value) == pytest.approx(np.log10(expected), rel=0.1)


@pytest.mark.parametrize("sizes", [(300, 60), (2000, 200)])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_p_value_of_an_exact_ks_statistic_is_scipys(sizes, seed):
    pair = numeric("integers with ties", sizes, seed, 0.5)
    expected = stats.ks_2samp(pair.reference, pair.current, method="asymp")
    found = get("ks").run(pair.binned)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.003)


def test_epps_singleton_of_two_values_is_the_test_of_two_shares():
    """One direction varies, so one degree of freedom. SciPy's rank, left to rounding, says two, and warns."""
    rng = np.random.default_rng(7)
    reference, current = ((rng.random(n) < p).astype(float) for n, p in ((5000, 0.4), (1000, 0.43)))
    grid = fitted(reference)
    counts = [from_cells(grid.code(x), np.ones(len(x), dtype=np.int64)) for x in (reference, current)]
    error = np.sqrt(sum(x.var() / len(x) for x in (reference, current)))
    expected = 2 * stats.norm.sf(abs(reference.mean() - current.mean()) / error)
    assert get("epps_singleton").run(align(grid, *counts)).p_value == pytest.approx(expected, rel=1e-6)


def dense(binned: Binned) -> tuple[Floats, Floats]:
    return binned.reference / binned.reference.sum(), binned.current / binned.current.sum()


OVER_CLASSES: dict[str, Callable[[Floats, Floats], float]] = {
    "total_variation": lambda p, q: np.abs(p - q).sum() / 2,
    "hellinger": lambda p, q: np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2),
    "jensen_shannon": lambda p, q: jensenshannon(p, q, base=2),
    "z_proportions": lambda p, q: np.abs(p - q).max(),
}


@pytest.mark.parametrize("size", [3, 12])
@pytest.mark.parametrize("drifted", [False, True])
@pytest.mark.parametrize("name", OVER_CLASSES)
def test_a_statistic_over_categories_is_exactly_that_of_the_raw_rows(name, drifted, size):
    pair = categorical(size, 1, drifted)
    expected = OVER_CLASSES[name](*shares(pair, size))
    assert get(name).run(pair.binned).statistic == pytest.approx(expected, abs=EXACT_BOUND)


@pytest.mark.parametrize("drifted", [False, True])
@pytest.mark.parametrize("name", LISTED_200)
def test_of_200_categories_the_rare_ones_together_lose_only_their_own_noise(name, drifted):
    for seed in SEEDS:
        pair = categorical(200, seed, drifted)
        over_all = OVER_CLASSES[name](*shares(pair, 200))
        found = get(name).run(pair.binned).statistic
        assert over_all - LISTED_200[name] <= found <= over_all + EXACT_BOUND


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [n for n in OVER_CLASSES if n != "z_proportions"])
def test_a_statistic_over_the_classes_of_numbers_is_exactly_its_formula(name, shape):
    binned = numeric(shape, SMALL, 3, 0.1).binned
    assert get(name).run(binned).statistic == pytest.approx(OVER_CLASSES[name](*dense(binned)), abs=EXACT_BOUND)


@pytest.mark.parametrize("size", [3, 12])
@pytest.mark.parametrize("drifted", [False, True])
@pytest.mark.parametrize(("name", "kind"), [("chi_square", "pearson"), ("g_test", "log-likelihood")])
def test_a_contingency_test_of_categories_is_scipys_on_the_raw_rows(name, kind, drifted, size):
    pair = categorical(size, 2, drifted)
    table = np.stack([np.bincount(x, minlength=size) for x in (pair.reference, pair.current)])
    expected = stats.chi2_contingency(table, correction=False, lambda_=kind)
    found = get(name).run(pair.binned)
    over = table.sum() * (2 if name == "g_test" else 1)
    assert found.statistic == pytest.approx(np.sqrt(expected.statistic / over), abs=EXACT_BOUND)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "kind"), [("chi_square", "pearson"), ("g_test", "log-likelihood")])
def test_a_contingency_test_of_numbers_is_scipys_on_the_pooled_classes(name, kind, shape):
    binned = numeric(shape, SMALL, 4, 0.1).binned
    table = pooled(binned)
    expected = stats.chi2_contingency(table, correction=False, lambda_=kind)
    found = get(name).run(binned)
    assert 2 <= table.shape[1] <= 20
    over = table.sum() * (2 if name == "g_test" else 1)
    assert found.statistic == pytest.approx(np.sqrt(expected.statistic / over), abs=EXACT_BOUND)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


@pytest.mark.parametrize("size", [3, 12])
@pytest.mark.parametrize("drifted", [False, True])
def test_psi_and_kl_of_categories_are_their_formulas_on_the_raw_rows(drifted, size):
    pair = categorical(size, 3, drifted)
    p, q = shares(pair, size)
    assert get("psi").run(pair.binned).statistic == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=EXACT_BOUND)
    assert get("kl").run(pair.binned).statistic == pytest.approx(stats.entropy(q, p), abs=1e-4)


@pytest.mark.parametrize("drifted", [False, True])
def test_the_z_test_of_two_categories_is_the_chi_square_test(drifted):
    rng = np.random.default_rng(6)
    reference, current = rng.random(5000) < 0.4, rng.random(1000) < (0.46 if drifted else 0.4)
    counts = [from_cells(x.astype(int), np.ones(len(x), dtype=np.int64)) for x in (reference, current)]
    table = np.stack([np.bincount(x, minlength=2) for x in (reference, current)])
    found = get("z_proportions").run(align(CategoricalGrid(("0", "1")), *counts))
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert found.statistic == pytest.approx(abs(reference.mean() - current.mean()), abs=EXACT_BOUND)


def test_every_test_is_held_against_raw_rows_here():
    held = {*BOUNDS, *OVER_CLASSES, "chi_square", "g_test", "kl"}
    assert {t.name for t in all_stattests()} == held
