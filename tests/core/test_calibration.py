"""What chance alone does: in numbers that can be had in another way, and on data whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitoring.core.calibration import contingency as heaps
from monitoring.core.calibration.arrangement import arrangement
from monitoring.core.calibration.between import between, nothing
from monitoring.core.calibration.budget import level, limits, score, windows_per_quarter
from monitoring.core.calibration.column import chance_of
from monitoring.core.calibration.contingency import contingency
from monitoring.core.calibration.contrasts import EXPECTED, categorical, directed, numeric
from monitoring.core.calibration.counting import counting
from monitoring.core.calibration.linear import linear
from monitoring.core.calibration.matching import match
from monitoring.core.calibration.null import combined, evened
from monitoring.core.calibration.share import interval
from monitoring.core.calibration.shares import shares
from monitoring.core.calibration.together import tilted
from monitoring.core.calibration.windows import Known, Windows
from monitoring.core.grid import MISSING, CategoricalGrid, NumericGrid
from monitoring.core.window import Slots

Floats = np.ndarray
GRID = NumericGrid(0.0, 1.0)
LETTERS = CategoricalGrid(("a", "b", "c", "d"))


def table(codes: Floats, every: Floats) -> Floats:
    """Counts of the classes `every`, a row a window of `codes`."""
    return np.stack([np.bincount(np.searchsorted(every, row), minlength=len(every)) for row in codes]).astype(float)


def surprise(reference: Floats, windows: Floats, grid=GRID, side: int = 0, longer: int = 1, matched=None) -> Floats:
    """p-values of windows of rows beside a reference's, both of shape (windows, rows); codes, where categorical."""
    codes = [reference, windows] if isinstance(grid, CategoricalGrid) else [grid.code(reference), grid.code(windows)]
    every = np.unique(np.concatenate([c.ravel() for c in codes])).astype(np.int32)
    alike = np.zeros(len(reference), dtype=np.int64) if matched is None else matched
    known = Known(table(codes[0], every), alike, np.arange(len(reference)), int(alike.max()) + 1, False, longer)
    return chance_of(grid, every, known, Windows(table(codes[1], every), alike[:1].repeat(len(windows))), side).p_values


def days(random: np.random.Generator, count: int, rows: int = 200, effect: float = 0.0, along: float = 0.0) -> Floats:
    """Rows by day, whose level has a deviation of `effect`, going on to the next day by `along`."""
    level = random.normal(size=count)
    for at in range(1, count):
        level[at] = along * level[at - 1] + np.sqrt(1 - along**2) * level[at]
    return effect * level[:, None] + random.normal(size=(count, rows))


# --- the budget ---


@pytest.mark.parametrize(
    ("budget", "hours", "probability"),
    [(1, 24, 1 / 91), (0.2, 24, 0.2 / 91), (1, 1, 1 / (91 * 24)), (1, None, 1 / 91), (5, 168, 0.05), (1, 720, 0.05)],
)
def test_a_budget_is_a_probability_of_a_window_and_never_more_than_one_in_twenty(budget, hours, probability) -> None:
    assert level(budget, hours) == pytest.approx(min(probability, 0.05))
    assert windows_per_quarter(24) == 91


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(1e-4, 0.05))
def test_what_counts_is_what_benjamini_and_hochberg_find(p_values: list[float], at: float) -> None:
    found = np.asarray(p_values) <= limits(p_values, at)
    assert found.tolist() == (stats.false_discovery_control(p_values) <= at + 1e-12).tolist()


@pytest.mark.parametrize("deviations", [0.5, 1.0, 3.0, 8.0])
def test_a_score_is_in_deviations(deviations: float) -> None:
    assert score(2 * stats.norm.sf(deviations)) == pytest.approx(deviations)


def test_a_score_of_nothing_is_nothing() -> None:
    assert np.isnan(score(float("nan"))) and score(0.0) < 40


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10)])
def test_a_share_lies_in_its_interval(hits: int, n: int) -> None:
    low, high = interval(hits, n)
    assert 0 <= low <= hits / n <= high <= 1 and low < high


# --- which windows are alike ---

MONDAY = 4 * 24


@pytest.mark.parametrize(
    ("length", "reference", "how"),
    [
        (1, 21, "the same hour of the week"),
        (1, 14, "the same hour of working days or weekends"),
        (1, 4, "the same hour of working days or weekends"),
        (24, 21, "the same day of the week"),
        (24, 14, "working days or weekends"),
        (24, 7, ""),
        (168, 84, ""),
    ],
)
def test_windows_are_matched_as_finely_as_there_are_three_of_each(length: int, reference: int, how: str) -> None:
    cut = [Slots(s, s + length) for s in range(MONDAY, MONDAY + reference * 24, length)]
    (found,) = match(cut, [Slots(MONDAY + 35 * 24, MONDAY + 35 * 24 + length)])
    assert found.how == how


def test_a_weekend_without_like_is_matched_more_coarsely_than_the_working_days() -> None:
    cut = [Slots(MONDAY + 24 * d, MONDAY + 24 * d + 24) for d in range(19)]  # two weekends and three working weeks
    wanted = [Slots(MONDAY + 24 * d, MONDAY + 24 * d + 24) for d in range(28, 35)]
    assert {m.how: len(m.at) for m in match(cut, wanted)} == {
        "the same day of the week": 5,
        "working days or weekends": 2,
    }


# --- how windows differ ---


def learned(apart: Floats, rows: Floats | None = None, sampling: float = 1.0, longer: int = 1):
    m = len(apart)
    alike = np.zeros(m, dtype=np.int64)
    arranged = arrangement(alike, np.arange(m), np.full(m, 100.0) if rows is None else rows, longer)
    return between(arranged, apart, sampling, np.asarray([float(m)]))


def series(random: np.random.Generator, count: int, effect: float, along: float) -> Floats:
    level = days(random, count, 1, 0.0)[:, 0]
    for at in range(1, count):
        level[at] = along * level[at - 1] + np.sqrt(1 - along**2) * level[at]
    whole = effect * level + random.normal(size=count)
    return whole - whole.mean()


def test_possibilities_add_up_to_one_and_none_is_negative() -> None:
    found = learned(series(np.random.default_rng(1), 30, 2.0, 0.5))
    assert found.weights.sum() == pytest.approx(1.0) and found.variances.min() >= 0


@pytest.mark.parametrize(
    ("effect", "along", "least", "most"), [(0.0, 0.0, 13, 30), (5.0, 0.0, 13, 30), (5.0, 0.8, 2, 8), (5.0, 0.95, 1, 4)]
)
def test_thirty_days_that_resemble_each_other_count_as_a_few(
    effect: float, along: float, least: float, most: float
) -> None:
    random = np.random.default_rng(2)
    counts = [learned(series(random, 30, effect, along)).counts_as for _ in range(40)]
    assert least <= np.median(counts) <= most


@pytest.mark.parametrize(("effect", "along"), [(0.0, 0.0), (1.0, 0.0), (3.0, 0.5), (3.0, 0.8)])
def test_a_next_window_lies_as_far_as_was_said(effect: float, along: float) -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(600):
        level = days(random, 130, 1, 0.0)[:, 0]
        for at in range(1, 130):
            level[at] = along * level[at - 1] + np.sqrt(1 - along**2) * level[at]
        whole = effect * level + random.normal(size=130)
        found = learned(whole[:30] - whole[:30].mean())
        up, down = found.tails(whole[-1:] - whole[:30].mean(), np.zeros(1, dtype=int), np.asarray([1 + 1 / 30]))
        hits += bool(min(up[0], down[0]) < 0.025)
    assert hits / 600 < 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5


def test_a_nearly_empty_window_does_not_hide_how_the_others_differ() -> None:
    random = np.random.default_rng(4)
    rows = np.full(30, 500.0)
    apart = 0.3 * random.normal(size=30) + random.normal(size=30) / np.sqrt(rows)
    rows[7], apart[7] = 3.0, 0.9
    apart -= (apart * rows).sum() / rows.sum()
    found = learned(apart, rows, 1 / rows.mean())
    assert found.usual == pytest.approx(0.3**2, rel=0.6)


def test_a_week_of_independent_days_varies_less_than_a_day_and_one_of_like_days_nearly_as_much() -> None:
    random = np.random.default_rng(5)
    alone, sticky = series(random, 40, 4.0, 0.0), series(random, 40, 4.0, 0.9)
    ratios = [learned(a, longer=7).usual / learned(a).usual for a in (alone, sticky)]
    assert ratios[0] < 0.4 < ratios[1] < 1.0


def test_hours_of_a_day_go_up_and_down_together() -> None:
    random = np.random.default_rng(6)
    day = np.arange(20 * 24) // 24
    apart = random.normal(size=20)[day] + 0.2 * random.normal(size=len(day))
    apart -= apart.mean()
    arranged = arrangement(np.zeros(len(day), dtype=np.int64), day, np.full(len(day), 100.0), 1)
    found = between(arranged, apart, 0.04, np.asarray([float(len(day))]))
    assert found.counts_as < 30, "480 hours, but 20 days"


# --- contrasts ---


def test_scores_of_the_reference_are_those_of_a_normal_distribution() -> None:
    counts = np.full(200, 5.0)
    found = numeric(counts, np.zeros(200, dtype=np.bool_), np.arange(200.0))
    location, scale = found.single
    shares = counts / counts.sum()
    assert shares @ location.weights == pytest.approx(0, abs=1e-9)
    assert shares @ scale.weights == pytest.approx(1, abs=0.02)


def test_far_beyond_the_reference_is_further_than_near() -> None:
    counts = np.zeros(60)
    counts[20:40] = 50.0
    (location, _) = numeric(counts, np.zeros(60, dtype=np.bool_), np.arange(60.0)).single
    steps = np.diff(location.weights)
    assert (steps[:19] > 0).all() and (steps[40:] > 0).all()
    assert location.weights[59] > 2 * location.weights[39] > 0 > location.weights[20] > location.weights[0] / 2


@given(st.lists(st.integers(0, 300), min_size=2, max_size=60), st.sampled_from([30.0, 200.0, 5000.0]), st.booleans())
def test_every_bin_is_expected_to_hold_enough_rows(counts: list[int], rows: float, ranked: bool) -> None:
    reference = np.asarray(counts, dtype=float)
    if not reference.sum():
        return
    nothing_aside = np.zeros(len(counts), dtype=np.bool_)
    of = numeric(reference, nothing_aside, np.arange(len(counts))) if ranked else categorical(reference)
    bins = of.bins(rows)
    held = np.bincount(bins, weights=reference) * rows / reference.sum()
    assert (held >= EXPECTED - 1e-9).all() or len(held) == 1


@pytest.mark.parametrize("size", [2, 3, 20])
@pytest.mark.parametrize("new", [False, True])
def test_contrasts_share_no_more_than_the_budget(size: int, new: bool) -> None:
    found = categorical(np.full(size + new, 10.0), new)
    assert found.share + sum(c.share for c in found.single) <= 1.0 + 1e-9
    assert sum(c.share for c in directed(np.arange(float(size))).single) == 1.0


# --- against what is known otherwise ---


def heap(counts: list[float]) -> Known:
    return Known(np.asarray([counts]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), 1, independent=True)


def test_a_shift_of_independent_rows_is_as_surprising_as_a_z_test_says() -> None:
    random = np.random.default_rng(7)
    before, after = random.normal(size=50_000), random.normal(0.1, 1, size=1_000)
    every = np.unique(GRID.code(np.concatenate([before, after])))
    counts = table(GRID.code(before)[None], every)
    contrast = numeric(counts[0], np.zeros(len(every), dtype=np.bool_), every.astype(float)).single[0]
    window = Windows(table(GRID.code(after)[None], every), np.zeros(1, dtype=np.int64))
    up, _, _ = linear(heap(counts[0].tolist()), contrast, window)
    z = (after.mean() - before.mean()) / np.sqrt(1 / 1_000 + 1 / 50_000)
    assert score(2 * up[0]) == pytest.approx(z, abs=0.15)


@pytest.mark.parametrize(("hits", "before"), [(0, 0), (3, 0), (1, 40), (9, 40), (4, 4)])
def test_few_rows_are_counted_as_the_binomial_says(hits: int, before: int) -> None:
    known = heap([float(before), 900.0 - before])
    window = Windows(np.asarray([[float(hits), 100.0 - hits]]), np.zeros(1, dtype=np.int64))
    more, less = counting(known, np.asarray([1.0, 0.0]), window, nothing(1, 1))
    chance = stats.binom(hits + before, 0.1)
    assert more[0] == pytest.approx(chance.sf(hits - 1)) and less[0] == pytest.approx(chance.cdf(hits))


def test_many_shares_at_once_are_as_surprising_as_each_by_itself() -> None:
    rng = np.random.default_rng(12)
    known, sizes = heap(rng.poisson(np.geomspace(0.2, 20_000, 30)).astype(float).tolist()), (0, 3, 90, 5_000)
    counts = np.stack([rng.multinomial(n, known.counts[0] / known.counts.sum()) for n in sizes]).astype(float)
    windows = Windows(counts, np.zeros(len(sizes), dtype=np.int64))
    up, down = shares(known, np.eye(30), np.ones(30), windows)
    for at, contrast in enumerate(categorical(known.counts[0]).single):
        more, less, _ = linear(known, contrast, windows)
        counted, uncounted = counting(known, contrast.weights, windows, nothing(1, 1))
        np.testing.assert_allclose(up[:, at], np.where(np.isnan(counted), more, counted), rtol=1e-12)
        np.testing.assert_allclose(down[:, at], np.where(np.isnan(uncounted), less, uncounted), rtol=1e-12)


def test_rows_that_come_in_bursts_are_less_surprising_than_rows_that_come_alone() -> None:
    random = np.random.default_rng(8)
    alone, bursts = random.random((40, 200)) < 0.01, np.repeat(random.random((40, 20)) < 0.01, 10, axis=1)
    window = np.where(np.arange(200) < 10, 1, 0)[None]
    p = [surprise(x.astype(int), window, CategoricalGrid(("0", "1")))[0] for x in (alone, bursts)]
    assert p[0] < 1e-3 < 20 * p[0] < p[1]


def test_shares_are_tilted_to_the_mean_that_was_wanted_and_to_no_more() -> None:
    base = np.full((2, 20), 0.05)
    z = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    counts = 1e6 * np.stack([base[0], np.exp(-((z - 0.5) ** 2)) / np.exp(-((z - 0.5) ** 2)).sum()])
    found = tilted(base, counts, [z, z**2])
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert found @ np.stack([z, z**2], axis=1) == pytest.approx(counts @ np.stack([z, z**2], axis=1) / 1e6, abs=1e-4)
    assert found[0] == pytest.approx(base[0], abs=1e-4)


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=6))
def test_evidence_from_several_sides_is_at_least_as_strong_as_bonferroni_says(p_values: list[float]) -> None:
    p = np.asarray(p_values)[:, None]
    shares = np.full(len(p_values), 1 / len(p_values))
    found = float(combined(p, shares)[0])
    assert 0 <= found <= 1
    if p.min() < 0.01 and p.max() < 0.5:
        assert found <= float(p.min()) * len(p_values) * 1.01
    assert found >= float(p.min()) * 0.99 or found > 0.3


def test_several_p_values_are_as_surprising_together_as_their_share_says() -> None:
    random = np.random.default_rng(9)
    p = combined(random.random((4, 200_000)), np.asarray([0.7, 0.1, 0.1, 0.1]))
    for at in (0.01, 0.001):
        assert (p < at).mean() == pytest.approx(at, abs=4 * (at / 200_000) ** 0.5)


# --- two heaps of rows ---

ZIPF = 1 / np.arange(1, 21) / (1 / np.arange(1, 21)).sum()


def test_all_classes_together_are_as_surprising_as_permuted_rows_say() -> None:
    """The statistic of the table itself, over rows dealt out again: ours is a sum of moments."""
    random = np.random.default_rng(12)
    before, after = random.multinomial(1000, ZIPF), random.multinomial(200, 0.9 * ZIPF + 0.1 * ZIPF[::-1])
    dealt = random.multivariate_hypergeometric(before + after, 200, 20_000)
    statistic = [
        ((b / 1000 - a / 200) ** 2 * 1040 / (b + 2) / (1 / 1000 + 1 / 200)).sum(axis=-1)
        for b, a in ((before, after), (before + after - dealt, dealt))
    ]
    expected = (statistic[1] >= statistic[0]).mean()
    assert 0.001 < expected < 0.2
    assert contingency(before[None].astype(float), after[None].astype(float))[0] == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(("before", "after"), [(1000, 200), (1000, 30), (200, 1000), (1000, 5000)])
def test_two_heaps_without_change_are_as_surprising_as_chance_has_it(before: int, after: int) -> None:
    random = np.random.default_rng(13)
    pairs = zip(random.multinomial(before, ZIPF, 3000), random.multinomial(after, ZIPF, 3000), strict=True)
    p = contingency(*(np.stack(side).astype(float) for side in zip(*pairs, strict=True)))
    assert 0.6 < (p < 0.05).mean() / 0.05 < 1.2 and (p < 0.005).mean() / 0.005 < 1.6


def test_a_test_among_many_is_what_it_is_alone() -> None:
    random = np.random.default_rng(14)
    before, after = (random.multinomial(n, ZIPF, 300).astype(float) for n in (500, 90))
    before[7], after[9], before[11, 1:], after[11, 1:] = 0.0, 0.0, 0.0, 0.0
    alone = [contingency(b[None], a[None])[0] for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(contingency(before, after), alone, rtol=1e-9)


def test_factorials_from_the_table_and_past_its_end_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(15)
    before, after = (random.multinomial(n, ZIPF, 20).astype(float) for n in (5000, 900))
    read = contingency(before, after)
    monkeypatch.setattr(heaps, "TABLE", 0)
    np.testing.assert_array_equal(contingency(before, after), read)


@pytest.mark.parametrize(
    ("before", "after"), [([10, 0], [3, 0]), ([0, 0], [3, 4]), ([5, 6], [0, 0]), ([], [])], ids=str
)
def test_of_one_class_or_no_rows_nothing_is_surprising(before: list[int], after: list[int]) -> None:
    assert contingency(np.asarray([before], dtype=float), np.asarray([after], dtype=float)).tolist() == [1.0]


def test_a_value_never_seen_is_the_more_surprising_the_less_rare_the_others_are() -> None:
    def of(counts: list[int], rows: int) -> float:
        every = np.arange(len(counts) + 1, dtype=np.int32)
        known = Known(np.asarray([[*counts, 0.0]]), np.zeros(1, np.int64), np.zeros(1, np.int64), 1, independent=True)
        window = Windows(np.asarray([[*(0.2 * np.asarray(counts)), rows]]), np.zeros(1, np.int64))
        return float(chance_of(CategoricalGrid(tuple("abcdefgh")[: len(counts)]), every, known, window).p_values[0])

    often, rare, once = ([500, 300, 200], [500, 300, 190, 10], [500, 300, 199, 1])
    assert of(once, 1) > 0.05  # where values come that rarely, one row is no proof
    assert of(often, 1) < 0.01 < of(rare, 1)  # a vocabulary of three that come often is closed
    assert of(often, 3) < of(rare, 3) < of(once, 3)


def test_shares_of_a_budget_are_evener_the_fewer_windows_there_are() -> None:
    of = numeric(np.full(50, 20.0), np.zeros(50, dtype=np.bool_), np.arange(50.0))
    shares = np.asarray([0.8, 0.1, 0.1])

    def after(windows: int) -> Floats:
        known = Known(np.full((windows, 50), 4.0), np.zeros(windows, np.int64), np.arange(windows), 1)
        return evened(known, of, shares)

    few, many = after(10), after(200)
    assert few.sum() == pytest.approx(1) and many.sum() == pytest.approx(1)
    assert few[0] < many[0] < shares[0] and many[0] == pytest.approx(shares[0], abs=0.02)
    heap = Known(np.ones((3, 50)), np.zeros(3, np.int64), np.arange(3), 1, independent=True)
    assert evened(heap, of, shares) is shares


# --- without drift ---

CALM: list[tuple[str, Callable[[np.random.Generator], Floats], object]] = [
    ("independent rows", lambda r: days(r, 130), GRID),
    ("days that differ", lambda r: days(r, 130, effect=0.3), GRID),
    ("days like the day before", lambda r: days(r, 130, effect=0.3, along=0.8), GRID),
    ("days far apart, like the day before", lambda r: days(r, 130, effect=1.5, along=0.8), GRID),
    ("one value and a few others", lambda r: np.where(r.random((130, 200)) < 0.01, 3.0, 0.0), GRID),
    ("nulls", lambda r: np.where(r.random((130, 200)) < 0.02, np.nan, days(r, 130)), GRID),
    ("categories", lambda r: r.choice(4, (130, 200), p=[0.6, 0.3, 0.09, 0.01]), LETTERS),
]


@pytest.mark.parametrize(("draw", "grid"), [c[1:] for c in CALM], ids=[c[0] for c in CALM])
def test_chance_goes_beyond_a_limit_no_more_often_than_the_limit_says(draw, grid) -> None:
    random = np.random.default_rng(10)
    found = []
    for _ in range(25):
        whole = draw(random)
        found.append(surprise(whole[:30], whole[30:], grid))
    p = np.concatenate(found)
    assert (p < 0.01).mean() <= 0.012 and (p < 0.001).mean() <= 0.0025 and np.median(p) > 0.3


# --- with drift ---


def bimodal(random: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return random.choice([-0.85, 0.85], shape) + random.normal(0, 0.53, shape)


@pytest.mark.parametrize(
    ("drifted", "chance"),
    [
        pytest.param(lambda r: r.normal(0.4, 1, (5, 200)), 1e-3, id="shifted"),
        pytest.param(lambda r: r.normal(0, 1.6, (5, 200)), 1e-3, id="wider"),
        pytest.param(lambda r: r.normal(0, 0.6, (5, 200)), 1e-3 / 0.35 * 0.5, id="narrower, which is looked for less"),
        pytest.param(lambda r: bimodal(r, (5, 200)), 1e-3, id="two humps"),
        pytest.param(lambda r: np.where(r.random((5, 200)) < 0.1, np.nan, r.normal(size=(5, 200))), 1e-3, id="missing"),
        pytest.param(lambda r: np.where(r.random((5, 200)) < 0.1, 5.0, r.normal(size=(5, 200))), 1e-3, id="one value"),
    ],
)
def test_a_change_is_found(drifted, chance) -> None:
    random = np.random.default_rng(11)
    assert (surprise(days(random, 30), drifted(random)) < chance).mean() >= 0.8


def test_nulls_everywhere_are_found_though_a_few_came_in_a_burst_before() -> None:
    random = np.random.default_rng(18)
    reference, gone = days(random, 30), days(random, 1)
    reference[5, :3], gone[0, 10:] = np.nan, np.nan
    assert surprise(reference, gone)[0] < 1e-6


def test_a_gigantic_shift_is_found_even_where_days_are_far_apart_and_like_the_day_before() -> None:
    random = np.random.default_rng(12)
    p = []
    for _ in range(20):
        whole = days(random, 60, effect=1.0, along=0.8)
        p.append(surprise(whole[:30], whole[-1:] + 40.0)[0])
    assert np.mean(np.asarray(p) < 1 / 91 / 10) >= 0.9


def test_a_shift_no_larger_than_days_differ_could_be_chance() -> None:
    random = np.random.default_rng(13)
    whole = days(random, 60, effect=1.0, along=0.8)
    assert surprise(whole[:30], whole[-1:] + 1.0)[0] > 0.01


@pytest.mark.parametrize(("side", "found"), [(1, True), (-1, False), (0, True)])
def test_only_the_way_that_matters_counts(side: int, found: bool) -> None:
    random = np.random.default_rng(14)
    assert (surprise(days(random, 30), random.normal(0.5, 1, (1, 200)), side=side)[0] < 1e-3) == found


def test_values_never_seen_are_surprising_where_none_is_rare_and_usual_where_each_window_has_its_own() -> None:
    random = np.random.default_rng(15)
    grid = CategoricalGrid(tuple(f"v{n}" for n in range(400)))
    closed = random.choice(4, (30, 200))
    open_ = np.where(random.random((30, 200)) < 0.05, random.integers(4, 100_000, (30, 200)), closed)
    seen = np.unique(open_)
    new = np.where(np.arange(200) < 6, 1_000_001, random.choice(4, 200))[None]
    assert surprise(closed, new, grid)[0] < 1e-3
    assert surprise(np.searchsorted(seen, open_), new, grid)[0] > 0.01


def test_windows_longer_than_the_reference_has_are_judged_by_days_for_spread_as_well() -> None:
    random = np.random.default_rng(16)
    calm, wide = days(random, 30), random.normal(0, 1.3, (1, 1400))
    assert surprise(calm, wide, longer=7)[0] < 3e-3
    assert surprise(calm, random.normal(0, 1, (1, 1400)), longer=7)[0] > 0.01


def test_the_days_of_a_week_are_compared_with_their_like() -> None:
    random = np.random.default_rng(17)
    weekday = np.arange(35) % 7
    whole = days(random, 35) + np.where(weekday >= 5, 2.0, 0.0)[:, None]
    monday = random.normal(size=(1, 200))
    assert surprise(whole, monday + 2.0, matched=weekday.astype(np.int64))[0] < 1e-3
    assert surprise(whole, monday, matched=weekday.astype(np.int64))[0] > 0.01


# --- what cannot be said ---


def test_nothing_is_said_of_a_window_without_rows_or_without_a_reference() -> None:
    codes = np.arange(3, dtype=np.int32)
    rows = np.asarray([[5.0, 5.0, 5.0]])
    none = np.zeros((1, 3))
    alike = np.zeros(1, dtype=np.int64)
    known = Known(np.repeat(rows, 9, axis=0), np.zeros(9, dtype=np.int64), np.arange(9), 1)
    empty = Known(np.zeros((9, 3)), np.zeros(9, dtype=np.int64), np.arange(9), 1)
    alone = Known(np.repeat(rows, 3, axis=0), np.arange(3), np.arange(3), 3)
    assert np.isnan(chance_of(GRID, codes, known, Windows(none, alike)).p_values[0])
    assert np.isnan(chance_of(GRID, codes, empty, Windows(rows, alike)).p_values[0])
    assert np.isnan(chance_of(GRID, codes, alone, Windows(rows, alike)).p_values[0])


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["numeric", "categorical"]))
def test_a_window_is_judged_alike_alone_and_among_others(seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    if kind == "numeric":
        reference, windows, grid = np.round(days(random, 12, 40), 1), np.round(days(random, 4, 40), 1), GRID
    else:
        reference, windows, grid = random.choice(4, (12, 40)), random.choice(6, (4, 40)), LETTERS
        windows[windows > 3] = 1_000_001
    every = np.unique(np.concatenate([reference.ravel(), windows.ravel()]))
    together = surprise(reference, windows, grid)
    alone = [surprise(reference, windows[at : at + 1], grid)[0] for at in range(4)]
    assert every.size and together == pytest.approx(alone, rel=1e-6)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=8, max_size=12),
    st.lists(st.integers(0, 40), min_size=4, max_size=4),
    st.sampled_from([GRID, LETTERS]),
)
def test_whatever_was_counted_a_probability_comes_of_it(reference, window, grid) -> None:
    codes = np.asarray([MISSING, 0, 1, 2], dtype=np.int32)
    counts, one = np.asarray(reference, dtype=float), np.asarray([window], dtype=float)
    known = Known(counts, np.zeros(len(counts), dtype=np.int64), np.arange(len(counts)), 1)
    (p,) = chance_of(grid, codes, known, Windows(one, np.zeros(1, dtype=np.int64))).p_values
    assert 0 <= p <= 1 if one.sum() and (counts.sum(axis=1) > 0).sum() >= 2 else np.isnan(p)
