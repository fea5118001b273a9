"""The delay curve: what has come, what is still to come, and what cannot be said yet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.label_delay import (
    FEWEST,
    Arrivals,
    DelayCurve,
    NotLearned,
    duration,
    expected_since,
    learn,
    words,
)

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


def arrivals(slots: np.ndarray, delays: np.ndarray, labelled: np.ndarray) -> Arrivals:
    """Of single predictions: their slot, their label's delay, and whether one ever comes."""
    made, predictions = np.unique(slots, return_counts=True)
    of, known = slots[labelled], slots[labelled] + delays[labelled]
    keys, counts = np.unique(np.stack([of, known]), axis=1, return_counts=True)
    return Arrivals(made, predictions, keys[0], keys[1], counts)


def log(
    hours: int, a_slot: float, mean: float, ever: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    slots = np.repeat(np.arange(hours), draw.poisson(a_slot, hours))
    return slots, draw.exponential(mean, len(slots)).astype(int), draw.random(len(slots)) < ever


def learned(of: Arrivals, horizon: int) -> DelayCurve:
    found = learn(of, horizon)
    assert isinstance(found, DelayCurve), found
    return found


@STEADY
@given(st.floats(1, 60), st.sampled_from([0.05, 0.5, 0.9, 1.0]), st.integers(0, 1_000), st.sampled_from([40, 120, 200]))
def test_the_curve_is_that_of_all_labels_though_the_newest_are_still_to_come(
    mean: float, ever: float, seed: int, days: int
) -> None:
    horizon = days * 24
    slots, delays, labelled = log(horizon, 4, mean, ever, seed)
    curve = learned(arrivals(slots, delays, labelled), horizon)
    assert curve.ever == pytest.approx(ever, abs=0.035)
    assert np.all(np.diff(curve.shares) >= -1e-12) and 0 <= curve.shares[0] <= curve.ever <= 1
    for hours in (1, int(mean), int(3 * mean)):
        truth = ever * (1 - np.exp(-(hours + 1) / mean))
        assert float(curve.share(np.asarray([hours]))[0]) == pytest.approx(truth, abs=0.05)


@STEADY
@given(st.floats(1, 200), st.integers(0, 1_000), st.integers(200, 1_500))
def test_what_was_not_known_yet_changes_nothing(mean: float, seed: int, horizon: int) -> None:
    whole = arrivals(*log(2_000, 3, mean, 0.8, seed))
    then, looking_back = learn(whole.known_by(horizon), horizon), learn(whole, horizon)
    assert type(then) is type(looking_back)
    if isinstance(then, DelayCurve) and isinstance(looking_back, DelayCurve):
        assert np.array_equal(then.shares, looking_back.shares)


def test_without_censoring_it_is_the_plain_share() -> None:
    slots, delays, labelled = log(500, 5, 10, 0.7)
    curve = learned(arrivals(slots, delays, labelled), 5_000)
    for hours in (0, 5, 20, 400):
        assert float(curve.share(np.asarray([hours]))[0]) == pytest.approx((labelled & (delays <= hours)).mean())


def test_labels_that_take_longer_than_a_quarter_are_looked_back_for_further() -> None:
    slots, _, _ = log(400 * 24, 2, 1, 1)
    late = arrivals(slots, np.full(len(slots), 200 * 24), np.ones(len(slots), bool))
    curve = learned(late, 400 * 24)
    assert curve.ever == pytest.approx(1.0) and curve.within(0.5) == 200 * 24
    assert float(curve.share(np.asarray([199 * 24]))[0]) == 0


@pytest.mark.parametrize(
    ("hours", "mean", "ever", "why"),
    [
        (0, 5.0, 1.0, "no prediction yet"),
        (100, 5.0, 0.0, "0 labels have come"),
        (6, 1.0, 1.0, f"at least {FEWEST} are needed"),
        (24 * 20, 24 * 30.0, 1.0, "take too long for this log"),
    ],
)
def test_where_too_little_is_known_it_says_why(hours: int, mean: float, ever: float, why: str) -> None:
    found = learn(arrivals(*log(hours, 4, mean, ever)), hours)
    assert isinstance(found, NotLearned) and why in found.reason


def test_labels_to_be_expected_in_a_silence_are_those_that_were_still_to_come() -> None:
    slots, delays, labelled = log(600, 20, 12, 0.9)
    whole = arrivals(slots, delays, labelled)
    curve = learned(whole, 600)
    came = labelled & (slots + delays > 500) & (slots + delays < 560)
    assert expected_since(curve, whole, 500, 560) == pytest.approx(came.sum(), rel=0.1)
    assert expected_since(curve, whole.known_by(300), 500, 560) == pytest.approx(0, abs=30), "none is made any more"


@pytest.mark.parametrize(("slots", "text"), [(1, "1 h"), (47, "47 h"), (48, "2 d"), (60, "2.5 d"), (61, "3 d")])
def test_durations_are_in_words(slots: int, text: str) -> None:
    assert duration(slots) == text


def test_the_curve_is_told_in_two_numbers() -> None:
    slots = np.repeat(np.arange(2_000), 20)
    delays = np.tile([5] * 10 + [20] * 8 + [72] * 2, 2_000)
    curve = learned(arrivals(slots, delays, np.ones(len(slots), bool)), 2_000)
    assert words(curve) == "half arrive within 5 h, 95 % within 3 d"
