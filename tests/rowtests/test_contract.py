"""One contract for every test on rows: a new file in monitoring/rowtests is held to it by being there."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import monitoring.rowtests
from monitoring.core.multivariate.encoding import Encoder
from monitoring.rowtests.registry import NotJudged, RowTest, UnknownRowTest, all_rowtests, get
from tests.worlds import FEATURES, day

TESTS = all_rowtests()
NOT_TESTS = {"__init__", "registry"}
EACH = pytest.mark.parametrize("test", TESTS, ids=lambda t: t.name)
SEEN = {
    "domain_classifier": ("shift", "flip", "missing", "mix"),
    "pca_reconstruction": ("flip", "missing"),
    "joint_with_prediction": ("swap",),
}
"""What a test is for, of the drifts of tests.worlds; one that is not here is held to all else."""
REFERENCE = day(np.random.default_rng(1), 2_000)


def measured(
    test: RowTest, reference: pd.DataFrame, window: pd.DataFrame, features: tuple[str, ...] = FEATURES
) -> float:
    """The measure, any warning an error; NaN where the test says that it cannot judge, which takes words."""
    encoder = Encoder.fitted(reference, features, ["score"] if "score" in reference else [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fitted = test.fit(encoder.encode(reference), encoder.owner, 0)
            rows = encoder.encode(window)
            shares = fitted.shares(rows)
            assert len(shares) in (0, len(features))
            assert len(shares) == 0 or shares.sum() == pytest.approx(1) or not shares.any()
            return fitted.measure(rows)
        except NotJudged as reason:
            assert str(reason).endswith(".")
            return math.nan


def test_every_file_is_a_test_named_as_its_file() -> None:
    files = {path.stem for path in Path(monitoring.rowtests.__path__[0]).glob("*.py")} - NOT_TESTS
    assert {t.name for t in TESTS} == files
    assert len(TESTS) >= 3


def test_a_test_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownRowTest, match="domain_classifier, joint_with_prediction"):
        get("nonsense")


@EACH
def test_a_test_says_what_it_is_and_from_where_it_matters(test: RowTest) -> None:
    assert test.title
    assert len(test.help) > 80
    assert (1 if test.sides == "both" else 0.5) < test.warning < test.breached


@EACH
def test_a_value_is_finite_grows_with_the_measure_and_has_words(test: RowTest) -> None:
    measures = np.linspace(-1.5, 1.5, 25)
    values = [test.value(float(m), 0.0) for m in measures]
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    if test.sides == "both":
        assert test.value(0.7, 0.7) == pytest.approx(1), "as in the reference"
    said = test.words(values[12])
    assert f"{values[12]:.2f}" in said
    assert said[0].islower()


@EACH
def test_the_same_rows_give_the_same(test: RowTest) -> None:
    window = day(np.random.default_rng(2), 300)
    first = measured(test, REFERENCE, window)
    assert math.isfinite(first)
    assert measured(test, REFERENCE, window) == first


@EACH
def test_what_it_is_for_measures_more_than_no_drift(test: RowTest) -> None:
    still = [measured(test, REFERENCE, day(np.random.default_rng(s), 400)) for s in range(2, 8)]
    for drift in SEEN.get(test.name, ()):
        assert measured(test, REFERENCE, day(np.random.default_rng(9), 400, drift)) > max(still), drift


ODD = {
    "constant": lambda f: f.assign(a=1.0),
    "all missing": lambda f: f.assign(a=np.nan),
    "one category": lambda f: f.assign(kind="AA"),
    "no category": lambda f: f.assign(kind=np.array([None] * len(f), dtype=object)),
    "twice the same": lambda f: f.assign(b=f["a"]),
    "huge": lambda f: f.assign(a=np.where(np.arange(len(f)) % 7 == 0, 1e300, f["a"])),
    "infinite": lambda f: f.assign(a=np.where(np.arange(len(f)) % 7 == 0, np.inf, f["a"])),
    "no prediction": lambda f: f.assign(score=np.nan),
    "one prediction": lambda f: f.assign(score=0.5),
}


@EACH
@pytest.mark.parametrize("how", ODD)
@pytest.mark.parametrize("where", ["reference", "window", "both"])
def test_odd_columns_break_nothing(test: RowTest, how: str, where: str) -> None:
    window = day(np.random.default_rng(3), 200)
    reference = ODD[how](REFERENCE) if where != "window" else REFERENCE
    found = measured(test, reference, ODD[how](window) if where != "reference" else window)
    if where == "both" and "prediction" not in how:  # as in the reference, so that there is something to compare
        assert math.isfinite(found)


@EACH
@pytest.mark.parametrize("features", [("a",), ("kind",), ()], ids=["a number", "a category", "nothing"])
def test_few_columns_are_enough_or_it_says_so(test: RowTest, features: tuple[str, ...]) -> None:
    found = measured(test, REFERENCE, day(np.random.default_rng(3), 200), features)
    assert math.isfinite(found) or (math.isnan(found) and test.name != "domain_classifier")


@EACH
def test_the_smallest_window_is_measured(test: RowTest) -> None:
    assert math.isfinite(measured(test, REFERENCE, day(np.random.default_rng(3), 50)))
