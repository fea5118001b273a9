"""Estimated performance: what it expects is what comes, where the reference's relations hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from monitoring.core.estimation import dle, multiclass
from monitoring.core.estimation.calibrator import Curve, calibrate, fit
from monitoring.core.estimation.cbpe import METRICS, Calibration, estimate, expected, learn
from monitoring.core.estimation.shift import weights
from monitoring.core.estimation.tables import PREDICTED, SCORED, outcomes
from monitoring.core.estimation.tilt import FEWEST, Tilt, tilt, tilted
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance.curves import MIDDLE
from monitoring.core.performance.metric import Estimate

CLASSES = len(MIDDLE) + 1
HALF = int(np.searchsorted(MIDDLE, 0.5))
POSITIVE = np.r_[np.arange(CLASSES - 1) >= HALF, False].astype(float)
"""1 for the score classes predicted positive."""


def classes(score: np.ndarray) -> np.ndarray:
    return np.clip(SCORE_GRID.code(score), 0, CLASSES - 2)


def table(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    found = np.zeros((CLASSES, 2), dtype=np.int64)
    np.add.at(found, (classes(score), label), 1)
    return found


def drawn(
    n: int, seed: int, warp: float = 1.0, shift: float = 0.0, moved: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels; `warp` spoils the calibration, `shift` moves inputs, `moved` P(label | inputs)."""
    random = np.random.default_rng(seed)
    z = random.normal(-0.5 + shift, 1.3, n)
    label = (random.random(n) < 1 / (1 + np.exp(-z - moved))).astype(int)
    return 1 / (1 + np.exp(-warp * z)), label


def chunks(n: int, seed: int, pieces: int = 20, **how: float) -> np.ndarray:
    score, label = drawn(n, seed, **how)
    return np.stack([table(score[i], label[i]) for i in np.array_split(np.arange(n), pieces)])


def exact(curve: np.ndarray) -> Calibration:
    """A calibration known for sure."""
    nothing = np.zeros((3, 3))
    return Calibration(Curve("identity", curve, 0.0, 0.0), Tilt(np.zeros((CLASSES, 3)), nothing, nothing, 0), 0)


SKLEARN = {
    "roc_auc": lambda y, s, p: roc_auc_score(y, s),
    "average_precision": lambda y, s, p: average_precision_score(y, s),
    "log_loss": lambda y, s, p: log_loss(y, s),
    "brier": lambda y, s, p: brier_score_loss(y, s),
    "accuracy": lambda y, s, p: accuracy_score(y, p),
    "precision": lambda y, s, p: precision_score(y, p),
    "recall": lambda y, s, p: recall_score(y, p),
    "specificity": lambda y, s, p: recall_score(y, p, pos_label=0),
    "f1": lambda y, s, p: f1_score(y, p),
    "balanced_accuracy": lambda y, s, p: balanced_accuracy_score(y, p),
    "mcc": lambda y, s, p: matthews_corrcoef(y, p),
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_tables_are_those_of_the_rows_they_count(name: str) -> None:
    score, label = drawn(3_000, 1)
    at = classes(score)
    order = np.argsort(at, kind="stable")
    ones = np.ones((1, len(score)))
    found = outcomes(ones, label[order][None].astype(float), at[order] >= HALF, at[order])
    value = float((SCORED.get(name) or PREDICTED[name])(found)[0])
    assert value == pytest.approx(SKLEARN[name](label, MIDDLE[at], at >= HALF), abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_tables_that_share_their_rows_are_what_they_are_with_rows_of_their_own(name: str) -> None:
    random = np.random.default_rng(5)
    rows, at = random.integers(1, 40, (1, 30)).astype(float), np.sort(random.integers(0, CLASSES, 30))
    hits = random.binomial(rows.astype(int), 0.4, (20, 30)).astype(float)
    metric = SCORED.get(name) or PREDICTED[name]
    shared, own = (metric(outcomes(r, hits, at >= HALF, at)) for r in (rows, np.repeat(rows, 20, axis=0)))
    np.testing.assert_allclose(shared, own, rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_an_estimate_on_calibrated_scores_is_the_mean_of_what_comes(name: str) -> None:
    random = np.random.default_rng(3)
    score, _ = drawn(4_000, 2)
    at = classes(score)
    rows = np.bincount(at, minlength=CLASSES)
    truth = np.append(MIDDLE, 0.5).clip(1e-6, 1 - 1e-6)
    came = []
    for _ in range(60):
        label = (random.random(len(at)) < truth[at]).astype(int)
        came.append(SKLEARN[name](label, MIDDLE[at], at >= HALF))
    found = estimate(rows, rows * POSITIVE, exact(truth), [name], 1.0, 0)[name]
    assert found.value == pytest.approx(np.mean(came), abs=4 * np.std(came) / np.sqrt(60) + 1e-3)
    assert found.lower is not None and found.upper is not None
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * np.std(came), rel=0.35)


@pytest.mark.parametrize("warp", [1.0, 1.8, 0.6])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_an_estimate_follows_inputs_that_shift_whatever_the_calibration_of_the_scores(
    warp: float, shift: float
) -> None:
    known = learn(chunks(40_000, 4, warp=warp), chunks(40_000, 4, warp=warp), 0)
    score, label = drawn(40_000, 5, warp=warp, shift=shift)
    rows = table(score, label).sum(axis=1)
    found = estimate(rows, rows * POSITIVE, known, ["roc_auc", "f1", "accuracy"], 1.0, 0)
    for name, one in found.items():
        assert one.value == pytest.approx(SKLEARN[name](label, score, score >= 0.5), abs=0.015)


def test_scores_that_are_right_are_left_as_they_are_and_wrong_ones_are_not() -> None:
    assert calibrate(chunks(20_000, 6), 0).kind == "identity"
    curve = calibrate(chunks(20_000, 6, warp=2.0), 0)
    assert curve.kind != "identity"
    assert curve.error < curve.raw


def test_calibration_without_a_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="no labelled row"):
        calibrate(np.zeros((3, CLASSES, 2), dtype=np.int64), 0)


counts = arrays(np.int64, (CLASSES, 2), elements=st.integers(0, 30))


@settings(max_examples=30)
@given(counts, st.sampled_from(["identity", "beta", "isotonic"]))
def test_a_curve_never_falls_and_stays_between_0_and_1(of: np.ndarray, kind: str) -> None:
    curve = fit(of, kind)  # type: ignore[arg-type]
    assert (np.diff(curve[:-1]) >= -1e-9).all()
    assert (curve > 0).all() and (curve < 1).all()


@settings(max_examples=30)
@given(arrays(np.int64, CLASSES, elements=st.integers(0, 50)), arrays(np.int64, CLASSES, elements=st.integers(0, 50)))
def test_the_table_to_expect_of_a_window_is_the_sum_of_its_parts(one: np.ndarray, other: np.ndarray) -> None:
    curve = fit(table(*drawn(2_000, 7)), "beta")
    parts = [expected(rows, rows * POSITIVE, curve).confusion for rows in (one, other)]
    whole = expected(one + other, (one + other) * POSITIVE, curve).confusion
    assert np.allclose(parts[0] + parts[1], whole)


def test_the_same_seed_gives_the_same_band_and_another_one_nearly_the_same() -> None:
    known = learn(chunks(10_000, 8), chunks(10_000, 8), 0)
    rows = table(*drawn(2_000, 9)).sum(axis=1)
    one, again, other = (
        estimate(rows, rows * POSITIVE, known, ["roc_auc"], 1.0, seed)["roc_auc"] for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    assert one.lower == pytest.approx(other.lower, abs=0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "log_loss"])
def test_a_band_narrows_with_rows_and_widens_with_missing_labels(name: str) -> None:
    known = learn(chunks(50_000, 10), chunks(50_000, 10), 0)
    rows = table(*drawn(1_000, 11)).sum(axis=1)

    def width(times: int, labelled: float) -> float:
        found = estimate(rows * times, rows * times * POSITIVE, known, [name], labelled, 0)[name]
        assert found.upper is not None and found.lower is not None
        return found.upper - found.lower

    assert width(16, 1.0) < 0.5 * width(1, 1.0)
    assert width(1, 0.25) > 1.6 * width(1, 1.0)


def test_what_the_reference_varies_by_from_chunk_to_chunk_widens_the_band() -> None:
    random = np.random.default_rng(12)
    steady = chunks(30_000, 13, pieces=30)
    moody = np.stack([table(*drawn(1_000, 100 + i, moved=t)) for i, t in enumerate(random.normal(0, 0.6, 30))])
    curve = fit(moody.sum(axis=0), "beta")
    assert not tilt(steady, fit(steady.sum(axis=0), "beta")).between.any()
    assert tilt(moody, curve).between[0, 0] == pytest.approx(0.36, rel=0.6)
    rows = table(*drawn(1_000, 14)).sum(axis=1)
    narrow, wide = (
        estimate(rows, rows * POSITIVE, learn(of, of, 0), ["accuracy"], 1.0, 0)["accuracy"] for of in (steady, moody)
    )
    assert wide.upper - wide.lower > 1.5 * (narrow.upper - narrow.lower)  # type: ignore[operator]


def test_too_few_pieces_say_nothing_of_how_windows_vary() -> None:
    moody = np.stack([table(*drawn(1_000, 100 + i, moved=t)) for i, t in enumerate((-2.0, 2.0, 0.0, 1.0))])
    found = tilt(moody, fit(moody.sum(axis=0), "beta"))
    assert found.pieces < FEWEST and not found.between.any()


def test_tilted_curves_scatter_around_the_curve() -> None:
    of = chunks(5_000, 15)
    curve = fit(of.sum(axis=0), "beta")
    many = tilted(curve, tilt(of, curve), 4_000, np.random.default_rng(0))
    at = int(np.searchsorted(MIDDLE, 0.4))
    assert np.median(many[:, at]) == pytest.approx(curve[at], abs=0.003)
    assert 0.003 < many[:, at].std() < 0.03


def test_a_window_without_a_row_or_without_a_predicted_positive_has_no_value_and_says_why() -> None:
    known = learn(chunks(5_000, 16), chunks(5_000, 16), 0)
    nothing = np.zeros(CLASSES, dtype=np.int64)
    assert estimate(nothing, nothing.astype(float), known, ["roc_auc"], 1.0, 0)["roc_auc"].reason
    low = nothing.copy()
    low[:10] = 50
    found = estimate(low, low * POSITIVE, known, ["precision", "accuracy"], 1.0, 0)
    assert found["precision"].value is None and found["precision"].reason
    assert found["accuracy"].value is not None


def test_rows_without_a_score_count_for_the_class_but_not_for_the_ranking() -> None:
    known = learn(chunks(5_000, 17), chunks(5_000, 17), 0)
    rows = table(*drawn(2_000, 18)).sum(axis=1)
    more = rows.copy()
    more[-1] = 500
    one, other = (estimate(r, r * POSITIVE, known, ["roc_auc", "accuracy"], 1.0, 0) for r in (rows, more))
    assert one["roc_auc"].value == pytest.approx(other["roc_auc"].value, abs=1e-12)
    assert one["accuracy"].value != other["accuracy"].value


@pytest.mark.parametrize("name", multiclass.METRICS)
def test_a_multiclass_estimate_is_what_comes_of_calibrated_probabilities(name: str) -> None:
    from monitoring.core.performance.metric import get
    from monitoring.core.performance.outcome import MulticlassOutcome

    random = np.random.default_rng(19)

    def rows(n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
        z = random.normal(0, 1, (n, 3)) + np.asarray([shift, 0, -shift])
        chances = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return chances, (random.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)

    chances, label = rows(20_000, 0.0)
    known = []
    for k in range(3):
        hits = (label == k).astype(int)
        of = np.stack([table(chances[i, k], hits[i]) for i in np.array_split(np.arange(20_000), 10)])
        known.append(learn(of, of, 0))
    chances, label = rows(4_000, 0.7)
    at, predicted = classes(chances), chances.argmax(axis=1)
    found = multiclass.estimate(at, predicted, known, [name], 4_000, 1.0, 0)[name]
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (predicted, label), 1)
    scores = np.stack([table(chances[:, k], (label == k).astype(int)) for k in range(3)])
    came = get(name, "multiclass_classification").compute(MulticlassOutcome(("a", "b", "c"), confusion, scores)).value
    assert came is not None and found.value is not None and found.lower is not None and found.upper is not None
    assert found.value == pytest.approx(came, abs=0.03)
    assert found.lower - 0.005 <= came <= found.upper + 0.005


def losses(n: int, seed: int, pieces: int, varied: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses, those expected, and the piece of each row; pieces are off by factors of deviation `varied`."""
    random = np.random.default_rng(seed)
    level = random.uniform(1, 5, n)
    piece = np.arange(n) * pieces // n
    factor = np.exp(random.normal(0, varied, pieces))[piece]
    return level * factor * random.exponential(1.0, n), level, piece


def foreseen(metric: str, expected: dict[str, np.ndarray], known: dict[str, dle.Trust], rows: int) -> Estimate:
    """An estimate of a window whose rows are like the reference's."""
    return dle.estimate(metric, expected, known, np.ones(len(next(iter(known.values())).gap)), rows, 1.0)


def test_the_expected_loss_of_a_window_is_the_mean_over_its_rows_and_parts_add_up() -> None:
    loss, level, piece = losses(6_000, 20, 10)
    loss += level.mean() - loss.mean()
    known = {"absolute": dle.trust(loss, level, piece, relative=True)}
    parts = [level[:1_000], level[1_000:3_000]]
    values = [foreseen("mae", {"absolute": p}, known, len(p)).value for p in parts]
    whole = foreseen("mae", {"absolute": level[:3_000]}, known, 3_000).value
    assert whole == pytest.approx((values[0] * 1_000 + values[1] * 2_000) / 3_000)  # type: ignore[operator]
    assert whole == pytest.approx(level[:3_000].mean())


@pytest.mark.parametrize("varied", [0.0, 0.3])
def test_a_loss_band_covers_19_of_20_windows(varied: float) -> None:
    inside = []
    for seed in range(150):
        loss, level, piece = losses(9_000, seed, 30, varied)
        known = {"absolute": dle.trust(loss, level, piece, relative=True)}
        now, expects, _ = losses(300, 10_000 + seed, 1, varied)
        found = foreseen("mae", {"absolute": expects}, known, 300)
        assert found.lower is not None and found.upper is not None
        inside.append(found.lower <= now.mean() <= found.upper)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_what_models_cannot_foresee_is_learned_from_the_reference_rows_that_look_like_the_window() -> None:
    random = np.random.default_rng(21)
    x, now = random.normal(0, 1, (20_000, 2)), random.normal([0.8, 0.0], 1, (4_000, 2))
    loss = np.exp(0.5 * x[:, 0]) * random.exponential(1.0, 20_000)
    flat = np.full(20_000, loss.mean())  # a model that foresees nothing
    known = {"absolute": dle.trust(loss, flat, np.arange(20_000) // 2_000, relative=True)}
    truth = float(np.exp(0.5 * now[:, 0]).mean())
    found = dle.estimate("mae", {"absolute": flat[:4_000]}, known, weights(x, now, 0), 4_000, 1.0)
    assert found.value == pytest.approx(truth, rel=0.06)
    assert foreseen("mae", {"absolute": flat[:4_000]}, known, 4_000).value == pytest.approx(loss.mean())
    assert loss.mean() < 0.75 * truth


def test_the_band_widens_with_the_distance_of_the_window_from_the_reference() -> None:
    random = np.random.default_rng(22)
    x = random.normal(0, 1, (5_000, 2))
    loss = random.exponential(1.0, 5_000)
    flat = np.ones(5_000)
    known = {"absolute": dle.trust(loss, flat, np.arange(5_000) // 500, relative=True)}
    widths = []
    for shift in (0.0, 1.0, 2.5):
        alike = weights(x, random.normal([shift, 0.0], 1, (5_000, 2)), 0)
        found = dle.estimate("mae", {"absolute": flat}, known, alike, 5_000, 1.0)
        widths.append(found.upper - found.lower)  # type: ignore[operator]
    assert widths[0] < widths[1] < widths[2]


def test_weights_make_the_reference_look_like_the_window() -> None:
    random = np.random.default_rng(23)
    x = np.column_stack([random.normal(0, 1, 20_000), random.normal(5, 2, 20_000)])
    x[::50, 1] = np.nan
    now = np.column_stack([random.normal(0.5, 1, 3_000), random.normal(5, 2, 3_000)])
    alike = weights(x, now, 0)
    assert alike.mean() == pytest.approx(1.0) and (alike >= 0).all()
    assert np.average(x[:, 0], weights=alike) == pytest.approx(now[:, 0].mean(), abs=0.05)
    assert (weights(x, x[:0], 0) == 1).all()


def test_each_regression_metric_comes_from_its_loss() -> None:
    random = np.random.default_rng(22)
    label = random.gamma(4, 5, 5_000)
    prediction = label + random.normal(1, 2, 5_000)
    piece = np.arange(5_000) // 500
    every = {name: of(prediction, label) for name, of in dle.LOSSES.items()}
    expects = {name: np.full(5_000, loss.mean()) for name, loss in every.items()}
    known = {n: dle.trust(loss, expects[n], piece, relative=n != "error") for n, loss in every.items()}
    error = prediction - label
    came = {
        "mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean()), "bias": error.mean(),
        "mape": (np.abs(error) / label).mean(), "wape": np.abs(error).sum() / label.sum(),
        "pinball": np.abs(error).mean() / 2,
    }  # fmt: skip
    assert came.keys() == dle.NEEDS.keys()
    for name, value in came.items():
        found = foreseen(name, expects, known, 5_000)
        assert found.value == pytest.approx(value)
        assert found.lower is not None and found.upper is not None and found.lower < value < found.upper


def test_rows_whose_loss_is_undefined_are_left_out() -> None:
    loss, level, piece = losses(6_000, 24, 10)
    some = np.where(np.arange(6_000) % 3 == 0, np.nan, loss)
    known = {"percentage": dle.trust(some, level, piece, relative=True)}
    found = foreseen("mape", {"percentage": level}, known, 6_000)
    assert found.value == pytest.approx(np.nanmean(some), rel=0.1)


def test_a_window_without_rows_has_no_expected_loss() -> None:
    loss, level, piece = losses(1_000, 23, 10)
    known = {"absolute": dle.trust(loss, level, piece, relative=True)}
    assert foreseen("mae", {"absolute": np.zeros(0)}, known, 0).reason
