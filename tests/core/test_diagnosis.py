"""The mathematics of a diagnosis: figures with errors, row metrics, slices, parts, the outlook, words and codec."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, mean_absolute_error, roc_auc_score

from monitoring.core.diagnosis import retraining
from monitoring.core.diagnosis.cells import cut
from monitoring.core.diagnosis.decomposition import Decomposition, Measured, decomposed
from monitoring.core.diagnosis.diagnosis import About, Advice, Diagnosis, Rows, as_document, from_document
from monitoring.core.diagnosis.episode import breached, episode, going_on
from monitoring.core.diagnosis.inputs import Broken, Moved, broken, moved
from monitoring.core.diagnosis.interval import Interval, blocks, measured
from monitoring.core.diagnosis.retraining import Outlook, Retraining
from monitoring.core.diagnosis.row_metric import RowMetric, row_metric
from monitoring.core.diagnosis.slices import Side, WorstSlice, worst
from monitoring.core.diagnosis.words import cause, lines, sentence
from monitoring.core.verdict import Status, Verdict, Window

DAYS, PER_DAY = 30, 120
START = datetime(2026, 3, 2, tzinfo=UTC)


def days(count: int = DAYS, per_day: int = PER_DAY) -> np.ndarray:
    return np.repeat(np.arange(count), per_day) * 24


def side(seed: int, everywhere: float = 1.0, within: float = 1.0, cell: str = "WN") -> tuple[pd.DataFrame, Side]:
    """Rows whose days differ in loss and in weather; loss in one carrier is `within` times as large."""
    random = np.random.default_rng(seed)
    n = DAYS * PER_DAY
    day = np.repeat(np.arange(DAYS), PER_DAY)
    frame = pd.DataFrame(
        {
            "temp": random.normal(0, 1, DAYS)[day] + random.normal(0, 0.2, n),
            "distance": random.gamma(4, 200, n),
            "hour": random.integers(0, 6, n).astype(float),
            "carrier": random.choice(["UA", "B6", "EV", "WN"], n, p=[0.4, 0.25, 0.2, 0.15]),
            "origin": random.choice(["EWR", "JFK", "LGA"], n),
        }
    )
    level = np.exp(random.normal(0, 0.1, DAYS))[day] * everywhere
    level = level * np.where(frame["carrier"] == cell, within, 1.0)
    return frame, Side(random.gamma(2, level / 2), blocks(days(), True))


def found(seed: int, **changes: Any) -> tuple[WorstSlice, ...]:
    then, before = side(seed)
    now, after = side(seed + 10_000, **changes)
    return worst([cut(name, then[name], now[name]) for name in then], before, after)


# Blocks and figures


def test_rows_of_a_day_are_one_block_and_few_days_are_cut_into_runs() -> None:
    assert int(blocks(days(6, 10), True).max()) == 5
    assert int(blocks(days(3, 40), True).max()) == 11
    assert int(blocks(np.zeros(24, dtype=np.int64), False).max()) == 11


def test_an_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        values = np.repeat(random.normal(0, 1, 20), 5) + random.normal(0, 0.5, 100)

        def mean(weights: np.ndarray, values: np.ndarray = values) -> float:
            return float(weights @ values / weights.sum())

        got = measured(mean, blocks(days(20, 5), True), 0)
        assert got is not None
        hits += got.lower <= 0 <= got.upper
    assert 0.91 <= hits / 200 <= 0.99


def test_what_is_undefined_has_no_figure() -> None:
    assert measured(lambda w: float("nan"), blocks(days(), True), 0) is None
    assert measured(lambda w: 1.0, np.zeros(0, dtype=np.int64), 0) is None


# RowMetrics


@pytest.mark.parametrize("name", ["roc_auc", "brier", "log_loss", "accuracy"])
def test_a_row_metric_is_scikit_learns_metric_and_the_mean_of_its_losses(name: str) -> None:
    random = np.random.default_rng(5)
    truth = (random.random(500) < 0.3).astype(float)
    answer = np.round(np.clip(random.normal(0.35 + 0.2 * truth, 0.2), 0.01, 0.99), 2)
    weights = random.integers(0, 4, 500).astype(float)
    theirs = {
        "roc_auc": lambda w: roc_auc_score(truth, answer, sample_weight=w),
        "brier": lambda w: brier_score_loss(truth, answer, sample_weight=w),
        "log_loss": lambda w: log_loss(truth, answer, sample_weight=w),
        "accuracy": lambda w: accuracy_score(truth, answer >= 0.5, sample_weight=w),
    }[name]
    mine = RowMetric(name)  # type: ignore[arg-type]
    assert mine.statistic(answer, truth)(weights) == pytest.approx(theirs(weights))
    mean = float(mine.losses(answer, truth).mean())
    assert (1 - mean if mine.better == "higher" else mean) == pytest.approx(theirs(np.ones(500)))


def test_an_error_row_metric_is_scikit_learns_too() -> None:
    answer, truth = np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 1.0])
    ones = np.ones(3)
    assert RowMetric("mae").statistic(answer, truth)(ones) == pytest.approx(mean_absolute_error(truth, answer))
    assert RowMetric("rmse").statistic(answer, truth)(ones) == pytest.approx(np.sqrt(np.mean((answer - truth) ** 2)))


@pytest.mark.parametrize(
    ("metric", "task", "scored", "name"),
    [
        ("mae", "regression", False, "mae"),
        ("r2", "regression", False, "rmse"),
        ("roc_auc", "binary_classification", True, "roc_auc"),
        ("average_precision", "binary_classification", True, "roc_auc"),
        ("calibration_error", "binary_classification", True, "brier"),
        ("f1", "binary_classification", False, "accuracy"),
        ("f1_macro", "multiclass_classification", True, "accuracy"),
    ],
)
def test_a_metric_that_has_no_losses_of_rows_is_judged_by_the_nearest(
    metric: str, task: str, scored: bool, name: str
) -> None:
    assert row_metric(metric, task, scored).name == name


# Slices


def test_no_slice_is_reported_where_nothing_changed() -> None:
    assert sum(bool(found(seed)) for seed in range(25)) <= 4  # 5 % of 25 runs, with room for its own chance


def test_none_is_reported_where_all_rows_lost_alike() -> None:
    assert sum(bool(found(seed, everywhere=1.5)) for seed in range(100, 112)) <= 2


def test_the_slice_that_lost_is_found_first_with_its_contribution() -> None:
    for seed in range(5):
        first = found(seed, within=1.6)[0]
        assert first.name == "carrier = WN"
        assert first.share == pytest.approx(0.15, abs=0.02)
        assert first.contribution.lower < 0.15 * 0.6 < first.contribution.upper
        assert first.p_value <= 0.05


def test_a_pair_is_told_where_it_beats_both_its_parents_and_only_there() -> None:
    then, before = side(1)
    now, after = side(2)
    hit = ((now["carrier"] == "UA") & (now["origin"] == "EWR")).to_numpy()
    losses = after.losses * np.where(hit, 2.5, 1.0)
    told = worst([cut(n, then[n], now[n]) for n in then], before, Side(losses, after.codes))
    assert "carrier = UA, origin = EWR" in {one.name for one in told}
    alone = found(3, within=2.0)
    assert [one.name for one in alone] == ["carrier = WN"]


def test_a_category_that_the_reference_never_had_is_held_against_all_of_it() -> None:
    then, before = side(4)
    now, after = side(5)
    fresh = np.random.default_rng(0).random(len(now)) < 0.1
    now.loc[fresh, "carrier"] = "XX"
    told = worst(
        [cut(n, then[n], now[n]) for n in then], before, Side(after.losses * np.where(fresh, 3, 1), after.codes)
    )
    assert (told[0].name, told[0].new) == ("carrier = XX", True)
    assert told[0].then == pytest.approx(before.losses.mean())


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=60))
def test_every_number_falls_into_one_named_cell(values: list[float | None]) -> None:
    series = pd.Series(values, dtype=float)
    got = cut("x", series, series[::-1].reset_index(drop=True))
    assert ((got.then >= 0) & (got.then < len(got.names))).all()
    assert ((got.then == len(got.names) - 1) == series.isna()).all()


# Decomposition of a drop


def mean_of(values: np.ndarray) -> Any:
    return lambda weights: float(weights @ values / weights.sum())


@pytest.mark.parametrize(("harder", "worse"), [(0.5, 0.0), (0.0, 0.5), (0.3, 0.2), (0.0, 0.0)])
def test_a_drop_is_split_into_what_the_inputs_bring_and_what_is_left(harder: float, worse: float) -> None:
    random = np.random.default_rng(8)
    x_then, x_now = random.random(DAYS * PER_DAY), random.random(DAYS * PER_DAY) + harder
    then, now = x_then + random.normal(0, 0.3, len(x_then)), x_now + worse + random.normal(0, 0.3, len(x_now))
    codes = blocks(days(), True)
    got = decomposed(Measured(mean_of(then), mean_of(x_then), codes), Measured(mean_of(now), mean_of(x_now), codes))
    assert got is not None
    assert got.shift.lower <= harder + 0.02 and got.shift.upper >= harder - 0.02
    assert got.concept.lower <= worse + 0.02 and got.concept.upper >= worse - 0.02
    assert got.shift.value + got.concept.value == pytest.approx(got.change.value)


def test_models_that_disagree_make_the_parts_wider() -> None:
    values, codes = np.random.default_rng(0).random(DAYS * PER_DAY), blocks(days(), True)
    plain = decomposed(
        Measured(mean_of(values), mean_of(values), codes), Measured(mean_of(values), mean_of(values), codes)
    )
    folds = (mean_of(values - 0.3), mean_of(values + 0.3))
    other = decomposed(
        Measured(mean_of(values), mean_of(values), codes), Measured(mean_of(values), mean_of(values), codes, folds)
    )
    assert plain is not None and other is not None and other.shift.half > 2 * plain.shift.half


# The outlook of retraining


def around(value: float, error: float = 0.1) -> Interval:
    return Interval(value, error, 29)


MAE = RowMetric("mae")


@pytest.mark.parametrize(
    ("change", "newer", "learner", "drop", "outlook"),
    [
        (-10.8, -3.5, -1.4, 8.5, Outlook.HELPS),  # decay
        (-10.8, 0.0, -1.4, 8.5, Outlook.HELPS),  # what is served is broken: any fresh model mends it
        (0.1, 0.0, -0.2, 8.5, Outlook.IDLE),  # a harder month
        (-0.5, -0.5, 0.0, 8.5, Outlook.IDLE),  # helps a little, which is not worth a release
        (-2.0, 0.0, -2.0, 2.0, Outlook.IDLE),  # another learner, which was better before
        (0.1, -1.0, 0.0, -0.5, Outlook.IDLE),  # nothing was lost
        (-2.0, -1.5, 0.5, 2.0, Outlook.HELPS),  # a worse learner that newer rows bring ahead
    ],
)
def test_retraining_helps_where_the_gain_is_certain_worth_it_and_not_the_other_learners(
    change: float, newer: float, learner: float, drop: float, outlook: Outlook
) -> None:
    done = retraining.judged(MAE, 17.4, around(change), around(newer), around(learner), drop, 20_000, 20_000)
    assert done.outlook == outlook


def test_a_wide_interval_tells_nothing() -> None:
    done = retraining.judged(MAE, 17.4, around(-4, 5), around(-4, 5), around(0), 8, 300, 300)
    assert done.outlook == Outlook.UNSURE


@pytest.mark.parametrize(
    ("change", "drop", "outlook"),
    [(0.5, 3.0, Outlook.IDLE), (-0.5, 3.6, Outlook.IDLE), (-0.5, 3.0, Outlook.UNSURE), (-1.5, 5.0, Outlook.UNSURE)],
)
def test_a_gain_too_small_and_the_whole_drop_out_of_reach_is_told_from_one_that_is_not_certain(
    change: float, drop: float, outlook: Outlook
) -> None:
    wide = around(change, 1.5)  # reaches 3.1 min to either side
    done = retraining.judged(MAE, 12.0, wide, wide, around(0), drop, 9_000, 9_000)
    assert done.outlook == outlook


def test_higher_is_better_for_an_auc() -> None:
    drop = 0.07
    for change, outlook in ((0.07, Outlook.HELPS), (-0.01, Outlook.IDLE)):
        shift = around(change, 0.005)
        done = retraining.judged(RowMetric("roc_auc"), 0.64, shift, shift, around(0, 0.005), drop, 9_000, 9_000)
        assert done.outlook == outlook and done.after == pytest.approx(0.64 + change)


# Inputs


def test_inputs_that_moved_beyond_the_references_own_ways_are_named() -> None:
    then, before = side(6)
    now, after = side(7)
    now["distance"] = now["distance"] * 2
    cuts = [cut(name, then[name], now[name]) for name in then]
    told = moved(cuts, then, now, before.codes, after.codes, 0)
    assert [one.feature for one in told] == ["distance"]
    assert "median" in told[0].words and told[0].distance > told[0].chance


def broken_names(now: pd.DataFrame, losses: np.ndarray, drop: float) -> list[str]:
    then, _ = side(6)
    return [one.feature for one in broken(then, now, list(then), losses, drop)]


def test_inputs_are_broken_where_they_are_missing_or_impossible_and_cost_the_drop() -> None:
    now, after = side(7)
    assert broken_names(now, after.losses, 0.0) == []
    gone = now.assign(temp=now["temp"].where(np.arange(len(now)) % 3 > 0))
    assert broken_names(gone, after.losses, 0.0) == ["temp"]
    odd = np.arange(len(now)) % 5 == 0
    sentinel = now.assign(distance=now["distance"].where(~odd, -9999.0))
    costly = after.losses + np.where(odd, 5.0, 0.0)
    assert broken_names(sentinel, costly, 1.0) == ["distance"]
    assert broken_names(sentinel, after.losses, 1.0) == []  # odd, but nobody pays for it
    everywhere = now.assign(distance=now["distance"] * 1000)
    assert broken_names(everywhere, after.losses + 1, 1.0) == ["distance"]


def test_a_season_is_not_broken_inputs() -> None:
    now, after = side(7)
    warmer = now.assign(temp=now["temp"] + 4)
    assert broken_names(warmer, after.losses + np.where(warmer["temp"] > 4, 1.0, 0.5), 1.0) == []


# Which windows


def day(number: int, status: str) -> Verdict:
    start = START + timedelta(days=number)
    return Verdict(
        "m", "performance.mae", Window(start, start + timedelta(days=1), 100), Status(status), "", threshold=1.0
    )


def course(pattern: str) -> list[Verdict]:
    return [day(i, {"x": "breached", ".": "ok", "w": "warning"}[c]) for i, c in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "longest", "begins", "windows"),
    [
        ("....xxx", 28, 4, 3),
        ("..xxx.xx.", 28, 2, 7),
        ("xx...xx", 28, 5, 2),
        ("xxxxxxxxxx", 4, 6, 4),
        ("xxxxxxxxxx", 1, 7, 3),
        (".....x..", 28, None, 0),
        ("xxxx...", 28, None, 0),
        ("x.x", 28, 0, 3),
    ],
)
def test_an_episode_reaches_from_its_first_breach_to_the_newest_window(
    pattern: str, longest: int, begins: int | None, windows: int
) -> None:
    got = episode(course(pattern), longest)
    assert len(got) == windows
    assert going_on(course(pattern)) == (begins is not None)
    if begins is not None:
        assert got[0].window.start == START + timedelta(days=begins)


def test_the_check_that_the_model_is_judged_by_is_diagnosed_where_it_is_breached() -> None:
    other = [v._replace(check="performance.bias") for v in course("xxx")]
    assert breached([*other, *course("xxx")], "performance.mae") == "performance.mae"
    assert breached([*other, *course("...")], "performance.mae") == "performance.bias"
    assert breached(course("..."), "performance.mae") is None


# The value


def example(**changes: Any) -> Diagnosis:
    about = About(
        "eta", "performance.mae", MAE, 10, 20, START, START + timedelta(days=30), None,
        Rows(20_000, 27_852), Rows(20_000, 26_860), "min",
    )  # fmt: skip
    done = Retraining(Outlook.HELPS, "", 17.4, Interval(-10.8, 0.5, 29), around(-3.5), around(-1.4), 20_000, 20_000)
    return replace(
        Diagnosis(
            about, done, 8.9, 17.4, Decomposition(around(8.5), around(0.1), around(8.4)), 0.98,
            (WorstSlice("origin = EWR", 0.35, 9.2, 18.3, around(3.1), 0.002, 7_000),),
            (Moved("temp", 0.8, 0.3, "median 40 → 69"),), (), ("A note.",),
        ),
        **changes,
    )  # fmt: skip


BROKEN = (Broken("temp", "missing in 40% of the rows, 1% then"),)


@pytest.mark.parametrize("broken", [(), BROKEN])
@pytest.mark.parametrize("split", [True, False])
def test_a_diagnosis_survives_json(broken: tuple[Broken, ...], split: bool) -> None:
    one = example(broken=broken)
    if not split:
        one = replace(one, split=None, unsupported=None, retraining=Retraining(Outlook.UNTRIED, "too few"))
    assert from_document(json.loads(json.dumps(as_document(one), allow_nan=False))) == one


def idle(value: float, **changes: Any) -> Retraining:
    return Retraining(Outlook.IDLE, "", 17.4, Interval(value, 0.1, 29), None, None, 20_000, 20_000, **changes)


@pytest.mark.parametrize(
    ("one", "advice", "words"),
    [
        (example(), Advice.RETRAIN, "Retraining is likely to help: MAE -10.8 min (-11.8 to -9.8) expected."),
        (
            example(retraining=idle(0.3)),
            Advice.HARDER,
            "A harder month: retraining will not help (MAE +0.30 min (+0.10 to +0.50)).",
        ),
        (example(broken=BROKEN), Advice.MEND, "Mend the data first: temp missing in 40% of the rows"),
        (
            example(retraining=Retraining(Outlook.UNTRIED, "12 labelled rows are too few, at least 200 are needed")),
            Advice.UNTRIED,
            "Cannot tell whether retraining helps: 12 labelled rows are too few",
        ),
        (
            example(split=Decomposition(around(0.05), around(0), around(0.05)), retraining=idle(0.3)),
            Advice.SOUND,
            "No worse than the reference beyond chance: retraining would change MAE +0.30",
        ),
        (
            example(retraining=replace(idle(-2.0), reason="another learner", learner=around(-2.0))),
            Advice.HARDER,
            "Retraining will not help: another learner is better",
        ),
        (
            example(retraining=replace(example().retraining, outlook=Outlook.UNSURE, reason="the interval holds both")),
            Advice.UNSURE,
            "Cannot tell whether retraining helps: a challenger is better (MAE -10.8 min (-11.8 to -9.8)), but perhaps",
        ),
        (
            example(retraining=replace(idle(0.1), outlook=Outlook.UNSURE, change=around(0.1))),
            Advice.UNSURE,
            "Cannot tell whether retraining helps: MAE +0.10 min (-0.10 to +0.30), from 20,000 labelled rows.",
        ),
    ],
)
def test_the_sentence_says_what_to_do_with_its_numbers(one: Diagnosis, advice: Advice, words: str) -> None:
    assert one.advice == advice
    assert sentence(one).startswith(words)


def test_the_cause_names_both_parts_and_says_where_they_are_a_guess() -> None:
    words = cause(example())
    assert "the inputs' shift explains +0.10 min" in words and "+8.40 min" in words
    assert "98% of the rows hardly have their like" in words
    assert "no more than chance" in cause(example(split=Decomposition(around(0.05), around(0), around(0.05))))


def test_a_terminal_gets_it_all_as_lines() -> None:
    text = "\n".join(lines(example()))
    for words in ("RETRAIN", "origin = EWR", "temp, median 40 → 69", "20,000 of 26,860", "A note."):
        assert words in text
