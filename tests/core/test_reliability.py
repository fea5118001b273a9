"""Whether probabilities mean what they say: curves and recalibration of known truth, windows held against chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance import curves
from monitoring.core.performance.miscalibration import (
    ASPECTS,
    FEWEST_PIECES,
    Aspect,
    Learned,
    held_against,
    lacking,
    learn,
)
from monitoring.core.performance.outcome import MulticlassOutcome
from monitoring.core.performance.reliability import (
    BINS,
    Counts,
    gap,
    null_error,
    recalibrate,
    reliability,
    slope,
    table_of,
)

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
CHANCE = 1 / 1000
CLASSES = len(curves.MIDDLE)


def rows(seed: int, n: int, level: float = 0.0, steep: float = 1.0, centre: float = -0.5) -> Counts:
    """Counts of `n` rows whose label follows from the score by log odds level + steep * logit(score)."""
    random = np.random.default_rng(seed)
    x = random.normal(centre, 1.2, n)
    label = random.random(n) < expit(level + steep * x)
    code = SCORE_GRID.code(expit(x)) * 2 + label
    return np.bincount(code, minlength=2 * CLASSES).reshape(CLASSES, 2).astype(np.int64)


def reference(seed: int, pieces: int = 30, n: int = 500, differ: float = 0.0) -> Learned:
    levels = differ * np.random.default_rng(seed).standard_normal(pieces)
    cut = [rows(1000 * seed + i, n, level) for i, level in enumerate(levels)]
    found = learn(np.sum(cut, axis=0), cut)
    assert found is not None
    return found


tables = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=25
).map(lambda cells: _table(cells))


def _table(cells: list[tuple[int, int, int]]) -> Counts:
    out = np.zeros((CLASSES, 2), dtype=np.int64)
    for at, no, yes in cells:
        out[at] += no, yes
    return out


@STEADY
@given(tables)
def test_a_curve_has_every_row_once_in_order_with_shares_inside_their_intervals(table: Counts) -> None:
    found = reliability(table)
    assert found.n.sum() == table.sum() and len(found.n) <= BINS
    assert (found.n * found.share).sum() == pytest.approx(table[:, 1].sum())
    assert (np.diff(found.score) > 0).all()
    assert (found.lower <= found.share + 1e-12).all() and (found.share <= found.upper + 1e-12).all()


@STEADY
@given(tables)
def test_what_is_too_much_of_one_label_is_too_little_of_the_other(table: Counts) -> None:
    mirrored = table[:-1][::-1, ::-1]
    inside = np.vstack([table[:-1], [[0, 0]]])
    other = np.vstack([mirrored, [[0, 0]]])
    one, two = gap(inside), gap(other)
    assert (one.value is None) == (two.value is None)
    if one.value is not None and two.value is not None:
        assert one.value == pytest.approx(-two.value, abs=1e-9)
    steep, flipped = slope(inside).value, slope(other).value
    assert (steep is None) == (flipped is None)
    if steep is not None and flipped is not None:
        assert steep == pytest.approx(flipped, abs=1e-4)


@pytest.mark.parametrize(("level", "steep"), [(0.0, 1.0), (0.7, 1.0), (-0.4, 0.5), (0.2, 1.6)])
def test_recalibration_finds_the_level_and_slope_that_made_the_labels(level: float, steep: float) -> None:
    found = recalibrate(rows(1, 200_000, level, steep))
    assert found is not None
    assert (found.intercept, found.slope) == (pytest.approx(level, abs=0.03), pytest.approx(steep, abs=0.03))


def test_intervals_of_the_slope_hold_the_truth_as_often_as_they_say() -> None:
    found = [slope(rows(seed, 800, 0.3, 0.8)) for seed in range(300)]
    inside = [f.lower <= 0.8 <= f.upper for f in found]  # type: ignore[operator]
    assert 0.92 <= np.mean(inside) <= 0.98


def test_the_calibration_error_of_chance_alone_is_what_sound_rows_show_on_average() -> None:
    sound = [rows(seed, 600) for seed in range(200)]
    came = [curves.calibration_error(t).value for t in sound]
    assert np.mean(came) == pytest.approx(np.mean([null_error(t) for t in sound]), rel=0.03)  # type: ignore[arg-type]


def test_without_both_labels_there_is_no_slope_and_without_rows_no_gap() -> None:
    one = np.zeros((CLASSES, 2), dtype=np.int64)
    assert gap(one).value is None and gap(one).reason
    one[40, 0] = 100
    assert slope(one).value is None and slope(one).reason
    assert gap(one).value == pytest.approx(curves.MIDDLE[40])


def test_the_top_label_is_of_probabilities_above_one_half() -> None:
    scores = np.zeros((2, CLASSES + 1, 2), dtype=np.int64)
    sure, unsure, rest, other = (int(SCORE_GRID.code(p)) for p in (0.8, 0.2, 0.4, 0.6))
    scores[0, sure, 1], scores[1, unsure, 0] = 7, 7
    scores[0, rest, 0], scores[1, other, 1] = 3, 3
    outcome = MulticlassOutcome(("a", "b"), np.eye(2, dtype=np.int64), scores)
    top, first = table_of(outcome), table_of(outcome, "a")
    assert top is not None and first is not None
    assert top.sum() == 10 and top[sure, 1] == 7 and top[other, 1] == 3
    assert first[rest, 0] == 3 and first[sure, 1] == 7
    assert table_of(MulticlassOutcome(("a", "b"), np.eye(2, dtype=np.int64), None)) is None


@pytest.mark.parametrize("differ", [0.0, 0.3])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_sound_windows_are_hardly_ever_found_off(aspect: Aspect, differ: float) -> None:
    off = windows = 0
    for seed in range(20):
        known = reference(seed + 1, differ=differ)
        levels = differ * np.random.default_rng(seed + 500).standard_normal(25)
        for at, level in enumerate(levels):
            off += held_against(rows(50_000 + 100 * seed + at, 500, level), known, aspect, 0.02).beyond
            windows += 1
    assert off <= 0.02 * windows + 3 * math.sqrt(0.02 * windows)


@pytest.mark.parametrize(
    ("aspect", "level", "steep", "above"),
    [("level", -0.8, 1.0, True), ("level", 0.8, 1.0, False), ("slope", 0.0, 0.4, False), ("slope", 0.0, 2.0, True)],
)
def test_a_window_that_is_off_is_found_on_its_side(aspect: Aspect, level: float, steep: float, above: bool) -> None:
    table, known = rows(7, 2_000, level, steep), reference(3)
    found = held_against(table, known, aspect, CHANCE)
    value = (gap if aspect == "level" else slope)(table).value
    assert value is not None and found.beyond and (found.score > 0) == above
    assert found.reaches(value, found.breached) and found.reaches(value, found.warning)
    side = 1 if above else -1
    assert side * found.expected < side * found.warning <= side * found.breached


def test_a_reference_that_is_off_itself_is_what_is_expected() -> None:
    cut = [rows(i, 800, 0.6, 0.7) for i in range(20)]
    known = learn(np.sum(cut, axis=0), cut)
    assert known is not None
    same, sound = rows(99, 3_000, 0.6, 0.7), rows(98, 3_000)
    for aspect in ASPECTS:
        assert not held_against(same, known, aspect, CHANCE).beyond
        found = held_against(sound, known, aspect, CHANCE)  # it moved, and to where it should be
        value = (gap if aspect == "level" else slope)(sound).value
        assert found.beyond and value is not None and not found.reaches(value, found.warning)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_the_more_days_differ_the_more_a_window_may(aspect: Aspect) -> None:
    steady, restless = reference(5), reference(5, differ=0.5)
    table = rows(8, 1_000, -0.5, 0.8)
    assert abs(held_against(table, restless, "level", CHANCE).score) < abs(
        held_against(table, steady, "level", CHANCE).score
    )
    levels = [held_against(table, steady, aspect, chance) for chance in (0.01, 0.0001)]
    assert levels[0].quantile < levels[1].quantile and levels[0].score == levels[1].score


def test_few_pieces_say_nothing_of_how_windows_vary() -> None:
    known = reference(4, pieces=FEWEST_PIECES - 1, n=2_000)
    assert not known.spread_known and all(v.serial == 0 and v.variance.sum() == 0 for v in known.varying.values())
    assert reference(4, pieces=FEWEST_PIECES).spread_known


@pytest.mark.parametrize(
    ("table", "lack"),
    [
        (rows(1, 60), "60 labelled rows with a score; at least 100 are needed"),
        (rows(1, 150, centre=float(logit(0.02))), "rows of one label are to be expected; at least 20 are needed"),
        (rows(1, 500), ""),
    ],
)
def test_a_window_with_too_few_rows_or_events_is_not_judged(table: Counts, lack: str) -> None:
    found = lacking(table, reference(2))
    assert found.endswith(lack) if lack else found == ""


def test_a_reference_with_too_few_labels_teaches_nothing() -> None:
    assert learn(rows(1, 50), []) is None
    assert learn(np.zeros((CLASSES, 2), dtype=np.int64), []) is None
