"""Rows as numbers, telling them apart, and how far chance goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge as TheirRidge
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from monitoring.core.multivariate.chance import (
    FEWEST,
    RUN,
    SETS,
    Chance,
    Reference,
    chance,
    dependence,
    rate,
    spread_out,
)
from monitoring.core.multivariate.components import components
from monitoring.core.multivariate.conditional import conditional
from monitoring.core.multivariate.discriminant import auc, tell
from monitoring.core.multivariate.encoding import FAR, LEVELS, Encoder, Rows
from monitoring.core.multivariate.ridge import PENALTY, fit
from monitoring.rowtests.registry import all_rowtests, get
from tests.worlds import FEATURES, day, days, known

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


def numbers(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"x": np.array(values, dtype=float)})


def drawn(seed: int, n: int, drift: str = "") -> pd.DataFrame:
    return day(np.random.default_rng(seed), n, drift)


def test_a_missing_number_is_a_column_and_a_class_of_its_own() -> None:
    encoder = Encoder.fitted(numbers(*range(100)), ["x"])
    rows = encoder.encode(numbers(49.5, np.nan))
    assert rows.scaled.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert rows.bins[0, 0] != rows.bins[1, 0]


@STEADY
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30))
def test_any_number_has_its_place(values: list[float]) -> None:
    encoder = Encoder.fitted(numbers(*values), ["x"])
    rows = encoder.encode(numbers(*values, 0.0, 1e308, -np.inf))
    assert np.isfinite(rows.scaled).all()
    assert np.abs(rows.scaled).max() <= FAR


def test_rare_and_new_categories_are_one_class_and_missing_is_another() -> None:
    names = [f"v{i:02d}" for i in range(40)]
    reference = pd.DataFrame({"c": np.repeat(np.array(names, dtype=object), np.arange(40, 0, -1))})
    encoder = Encoder.fitted(reference, ["c"])
    rows = encoder.encode(pd.DataFrame({"c": np.array(["v00", "v39", "never seen", None], dtype=object)}))
    assert rows.scaled.shape == (4, LEVELS + 2)
    assert rows.scaled.sum(axis=1).tolist() == [1, 1, 1, 1]
    assert rows.bins[:, 0].tolist() == [0, LEVELS, LEVELS, LEVELS + 1]


def test_a_prediction_is_its_rank_in_the_reference_and_a_class_is_named() -> None:
    frame = pd.DataFrame({"x": 0.0, "score": np.arange(5.0), "said": np.array(list("ababa"), dtype=object)})
    encoder = Encoder.fitted(frame, ["x"], ["score", "said"])
    assert [t.level for t in encoder.targets] == [None, "b"], "of two classes one says it all"
    found = encoder.encode(pd.DataFrame({"x": 0.0, "score": [2.0, 9.0, np.nan], "said": ["b", None, "a"]})).targets
    assert found[:, 0].tolist()[:2] == [0.5, 1.0]
    assert np.isnan(found[2, 0])
    assert found[0, 1] == 1
    assert np.isnan(found[1, 1])


def test_the_regression_is_scikit_learns_on_the_terms_it_takes() -> None:
    frame = drawn(1, 400)
    encoder = Encoder.fitted(frame, FEATURES, ["score"])
    rows = encoder.encode(frame)
    weights = np.linspace(1, 3, 400)
    ours = fit(rows, rows.targets[:, 0], weights, terms=20)
    x = (ours.terms.values(rows) - ours.shift) / ours.spread
    share = weights / weights.sum()
    theirs = TheirRidge(alpha=PENALTY, fit_intercept=False).fit(x, rows.targets[:, 0] - ours.level, sample_weight=share)
    assert np.allclose(ours.predict(rows) - ours.level, theirs.predict(x))
    assert x.shape[1] == 20


def test_the_gap_of_a_regression_adds_up_to_the_difference_of_its_means() -> None:
    encoder = Encoder.fitted(drawn(1, 400), FEATURES, ["score"])
    here, there = encoder.encode(drawn(2, 300, "shift")), encoder.encode(drawn(3, 300))
    ours = fit(here, here.targets[:, 0], np.ones(300), terms=30)
    gap = ours.gap(here, there, encoder.owner)
    assert gap.shape == (len(FEATURES),)
    assert gap.sum() == pytest.approx(ours.predict(here).mean() - ours.predict(there).mean())


@STEADY
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_auc_is_scikit_learns(below: list[int], above: list[int]) -> None:
    label = [0] * len(below) + [1] * len(above)
    ours = auc(np.array(below, dtype=float), np.array(above, dtype=float))
    assert ours == pytest.approx(roc_auc_score(label, below + above))


def test_the_components_are_scikit_learns() -> None:
    frame = drawn(4, 800)
    encoder = Encoder.fitted(frame, FEATURES[:5])
    rows = encoder.encode(frame)
    used = rows.scaled.std(axis=0) > 0
    z = (rows.scaled - rows.scaled.mean(axis=0))[:, used] / rows.scaled.std(axis=0)[used]
    theirs = PCA(0.65, svd_solver="full").fit(z)
    ours = components(rows)
    assert ours.axes.shape[1] == theirs.n_components_
    left = z - theirs.inverse_transform(theirs.transform(z))
    assert ours.distance(rows) == pytest.approx(np.linalg.norm(left, axis=1).mean())


@pytest.mark.parametrize(
    ("drift", "least", "by"),
    [("shift", 0.58, ["d"]), ("flip", 0.8, ["a", "b"]), ("missing", 0.57, ["c"]), ("mix", 0.6, ["kind"])],
)
def test_rows_are_told_apart_by_what_moved(drift: str, least: float, by: list[str]) -> None:
    encoder = Encoder.fitted(drawn(1, 3_000), FEATURES)
    rest, window, still = (encoder.encode(f) for f in (drawn(1, 3_000), drawn(2, 800, drift), drawn(3, 800)))
    found = tell(rest, window, encoder.owner, 0)
    assert found.auc > least
    assert [encoder.names[i] for i in np.argsort(-found.shares)[: len(by)]] in (by, by[::-1])
    assert found.shares.sum() == pytest.approx(1)
    assert abs(tell(rest, still, encoder.owner, 0).auc - 0.5) < 0.05, "rows it did not see are not learnt by heart"


def test_a_regression_holds_where_the_inputs_moved_and_not_where_the_model_is_another() -> None:
    frame = drawn(1, 4_000)
    encoder = Encoder.fitted(frame, FEATURES, ["score"])
    ours = conditional(encoder.encode(frame))
    far = {d: ours.residual(ours.inside(encoder.encode(drawn(2, 1_000, d)))) for d in ("", "shift", "flip", "swap")}
    assert far["shift"] < 1.1 * far[""]
    assert far["swap"] > 2 * far[""]
    assert ours.explained(encoder.encode(drawn(5, 1_000))) > 0.8


def test_rows_outside_the_reference_and_without_a_prediction_are_left_out() -> None:
    frame = drawn(1, 2_000)
    encoder = Encoder.fitted(frame, FEATURES, ["score"])
    ours = conditional(encoder.encode(frame))
    odd = frame.head(4).assign(a=[0.0, 1e6, 0.0, -1e6], score=[0.5, 0.5, np.nan, 0.5])
    assert len(ours.inside(encoder.encode(odd))) == 1


@pytest.mark.parametrize("sides", ["above", "both"])
@pytest.mark.parametrize("skewness", [0.0, 0.8])
def test_chance_goes_beyond_its_quantile_as_often_as_said(sides: str, skewness: float) -> None:
    """Of normal blocks, mean and deviation estimated: with skewness put right where there is none, a little less."""
    random = np.random.default_rng(5)
    beyond = []
    for _ in range(4_000):
        blocks = random.normal(size=20)
        one = Chance(blocks.mean(), blocks.std(ddof=1), 20, skewness)
        score = one.score(random.normal())
        beyond.append((abs(score) if sides == "both" else score) > one.quantile(0.05, sides))  # type: ignore[arg-type]
    assert 0.02 < np.mean(beyond) <= (0.06 if skewness == 0 else 0.05)


@STEADY
@given(st.floats(-5, 20), st.floats(0, 3))
def test_a_score_is_undone_by_the_value_that_has_it(score: float, skewness: float) -> None:
    one = Chance(2.0, 0.5, 20, skewness)
    assert one.score(one.at(score)) == pytest.approx(score, abs=1e-6)


def test_the_p_value_is_the_rate_at_its_own_quantile() -> None:
    one = Chance(0.0, 1.0, 20, 0.4)
    for sides in ("above", "both"):
        limit = one.quantile(0.01, sides)  # type: ignore[arg-type]
        assert one.p_value(one.at(limit), sides) == pytest.approx(0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "hours", "methods", "alarms"),
    [(1, 24, 1, 1), (1, 24, 2, 0.5), (1, 1, 1, 1), (1, None, 1, 1), (4, 720, 1, 0.05 * 91 / 30)],
)
def test_a_budget_is_shared_by_windows_and_methods(
    budget: float, hours: float | None, methods: int, alarms: float
) -> None:
    one, each = rate(budget, hours, methods)
    assert each == pytest.approx(alarms)
    assert one * 91 * 24 / (hours or 24) == pytest.approx(alarms)
    assert one <= 0.05, "however large the budget, a window that any chance exceeds says nothing"


def test_many_blocks_are_runs_of_neighbours_from_all_over_the_reference() -> None:
    found = spread_out(range(720), 0)
    assert len(found) == SETS * RUN
    starts = found[::RUN]
    assert all(found[i * RUN : (i + 1) * RUN] == list(range(s, s + RUN)) for i, s in enumerate(starts))
    assert len({s % 24 for s in starts}) > SETS // 2, "not at one hour of the day"
    assert spread_out(range(30), 0) == list(range(30))


@pytest.mark.parametrize("along", [0.0, 0.5, 0.8])
def test_dependence_between_days_is_found(along: float) -> None:
    found = []
    for seed in range(15):
        _, reference = known(days(np.random.default_rng(seed), 30, 100, along))
        found.append(dependence(reference.blocks, 1))
    assert np.mean(found) == pytest.approx(along, abs=0.15)


def test_chance_is_of_blocks_where_there_are_enough_and_of_rows_where_not() -> None:
    encoder, reference = known(days(np.random.default_rng(0), 20, 120, 0.0))

    def fit_(rows: Rows):  # type: ignore[no-untyped-def]
        return get("pca_reconstruction").fit(rows, encoder.owner, 0).measure

    timed = chance(fit_, reference, 100, 4_000, 0)
    few = Reference(reference.rows, reference.slot, 1, dict(list(reference.blocks.items())[: FEWEST - 1]))
    rowed = chance(fit_, few, 100, 4_000, 0)
    assert timed is not None
    assert rowed is not None
    assert (timed.by_rows, rowed.by_rows) == (False, True)
    assert timed.deviation > 1.2 * rowed.deviation, "days differ by more than their rows do"
    assert chance(fit_, few, 2_000, 4_000, 0) is None, "there are not twice as many rows"


@pytest.mark.parametrize("name", [t.name for t in all_rowtests()])
@pytest.mark.parametrize("along", [None, 0.0, 0.7], ids=["iid", "days", "dependent"])
def test_false_alarms_keep_to_the_budget(name: str, along: float | None) -> None:
    """91 days after each of several references of 30 days, 120 rows a day: the score is one of chance."""
    test, quarters = get(name), 3 if name == "domain_classifier" else 5  # that one takes most of the time
    scores, beyond = [], 0
    with threadpool_limits(1):
        for seed in range(quarters):
            log = days(np.random.default_rng(100 + seed), 30 + 5 + 91, 120, along)
            encoder, reference = known(log[:30])

            def fit_(rows: Rows, encoder: Encoder = encoder):  # type: ignore[no-untyped-def]
                return test.fit(rows, encoder.owner, 0).measure

            found = chance(fit_, reference, 100, 4_000, 0)
            assert found is not None
            measure = fit_(reference.rows.take(np.arange(0, len(reference.rows))))
            limit = found.quantile(1 / 91, test.sides)
            for frame in log[35:]:
                score = found.score(measure(encoder.encode(frame.head(100))))
                scores.append(score)
                beyond += (abs(score) if test.sides == "both" else score) > limit
    assert beyond <= stats.poisson.ppf(0.99, 1.2 * quarters)
    assert abs(np.mean(scores)) < 0.4
    assert 0.6 < np.std(scores) < 1.3
