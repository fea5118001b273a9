"""Probabilities that are off, from somebody's log to the verdict, its sentence and the flag."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from monitoring.core.verdict import Flag, Status, Verdict
from monitoring.store.database import MEMORY, connect, create, reading
from monitoring.store.queries.reliability import beside
from monitoring.verdicts.miscalibration import CHECKS, percent
from monitoring.verdicts.subject import held_against
from tests.logs_of import START, binary_model, flights, multiclass, write
from tests.test_estimated import judged

DAYS, SINCE = 12, 9
REFERENCE = {"from": "2026-03-02", "to": "2026-03-10"}
LEVEL, SLOPE = CHECKS


def moved(log: pd.DataFrame, level: float, steep: float) -> pd.DataFrame:
    """The same rows and labels in the same order of scores, that say something else from day SINCE on."""
    late = (log.ts - pd.Timestamp(START)).dt.days >= SINCE
    return log.assign(score=np.where(late, expit(level + steep * logit(log.score)), log.score))


def verdicts_of(folder: Path, log: pd.DataFrame, **changes: Any) -> list[Verdict]:
    store = connect(MEMORY)
    create(store)
    model = binary_model(write(log, "parquet", folder), **({"reference": REFERENCE, "slos": []} | changes))
    return judged(store, folder, model, START + timedelta(days=DAYS, hours=23))


def of(found: list[Verdict], check: str) -> list[Verdict]:
    return [v for v in found if v.check == check and not v.slice and not v.version and v.value is not None]


LOG = flights(DAYS, per_hour=60)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    return verdicts_of(tmp_path_factory.mktemp("sound"), LOG)


@pytest.fixture(scope="module")
def too_high(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    return verdicts_of(tmp_path_factory.mktemp("high"), moved(LOG, 1.0, 1.0))


def test_probabilities_that_mean_what_they_say_raise_nothing(sound: list[Verdict]) -> None:
    for check in CHECKS:
        found = of(sound, check)
        assert len(found) == DAYS and {v.status for v in found} == {Status.OK}
        assert all("within chance" in v.reason and v.automatic for v in found)
    assert sound[-1].check == "model" and "Probabilities" not in sound[-1].reason


def test_a_model_whose_order_holds_while_its_level_is_off_is_flagged_for_that(too_high: list[Verdict]) -> None:
    off = of(too_high, LEVEL)[SINCE:]
    assert [v.status for v in off] == [Status.BREACHED] * (DAYS - SINCE)
    assert {v.status for v in of(too_high, LEVEL)[:SINCE]} == {Status.OK}
    assert {v.status for v in of(too_high, "performance.roc_auc")} == {Status.OK}
    model = too_high[-1]
    assert model.flag == Flag.WATCH
    assert "Probabilities are off in 3 of the last 3 mature windows: says 6" in model.reason
    assert "ROC AUC holds (0.8" in model.reason and "recalibrating the scores mends this" in model.reason


def test_the_sentence_has_both_shares_and_the_verdict_what_it_was_held_against(too_high: list[Verdict]) -> None:
    last = of(too_high, LEVEL)[-1]
    log = moved(LOG, 1.0, 1.0)
    day = log[(log.ts >= last.window.start) & (log.ts < last.window.end) & (log.status == "ok")]
    assert last.effect == f"says {day.score.mean():.0%} where {day.label.mean():.0%} happen: it over-estimates"
    assert last.value == pytest.approx(day.score.mean() - day.label.mean(), abs=1e-3)
    assert last.lower < last.value < last.upper  # type: ignore[operator]
    assert last.drift_score > last.null_quantile and last.false_alarms == pytest.approx(0.1)  # type: ignore[operator]
    assert last.warning is not None and last.breached is not None and 0 < last.warning <= last.breached <= last.value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("steep", "words"), [(2.2, "over-confident"), (0.45, "under-confident")], ids=["far apart", "close together"]
)
def test_over_and_under_confidence_are_told_apart(tmp_path: Path, steep: float, words: str) -> None:
    found = verdicts_of(tmp_path, moved(LOG, 0.0, steep))
    off = of(found, SLOPE)[SINCE:]
    assert all(v.status in (Status.WARNING, Status.BREACHED) and v.effect.endswith(words) for v in off)
    assert all(" where " in v.effect and " and " in v.effect for v in off)
    assert found[-1].flag == Flag.WATCH and words in found[-1].reason


def test_a_reference_that_was_off_itself_is_no_news(tmp_path: Path) -> None:
    log = LOG.assign(score=expit(0.8 + 1.5 * logit(LOG.score)))
    found = verdicts_of(tmp_path, log)
    assert {v.status for check in CHECKS for v in of(found, check)} == {Status.OK}
    assert "is to be expected by the reference" in of(found, LEVEL)[-1].reason


def test_with_too_few_labels_nothing_is_said(tmp_path: Path) -> None:
    found = of(verdicts_of(tmp_path, flights(DAYS, per_hour=3)), LEVEL)
    assert {v.status for v in found} == {Status.INSUFFICIENT_DATA}
    assert all("at least 100 are needed" in v.reason for v in found)


def test_a_reference_with_too_few_labels_says_so(tmp_path: Path) -> None:
    span = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-02T01:00:00Z"}
    found = of(verdicts_of(tmp_path, LOG, reference=span), SLOPE)
    assert {v.status for v in found} == {Status.INSUFFICIENT_DATA}
    assert "the reference has too few labels" in found[-1].reason


def test_its_owner_may_set_levels_or_a_budget(tmp_path: Path) -> None:
    thresholds = [
        {"check": "performance.roc_auc", "warning": 0.7},
        {"check": SLOPE, "warning": 0.9, "breached": 0.5},
        {"check": LEVEL, "false_alarms_per_quarter": 2},
    ]
    found = verdicts_of(tmp_path, moved(LOG, 0.0, 1.6), thresholds=thresholds)
    off = of(found, SLOPE)[-1]
    assert (off.status, off.automatic, off.threshold) == (Status.WARNING, False, pytest.approx(0.9))
    assert of(found, LEVEL)[-1].false_alarms == pytest.approx(2)


@pytest.mark.parametrize(
    ("value", "status", "decided"),
    [(0.85, Status.OK, 0.8), (0.79, Status.WARNING, 0.8), (1.3, Status.WARNING, 1.25), (0.4, Status.BREACHED, 0.5),
     (2.1, Status.BREACHED, 2.0), (-0.2, Status.BREACHED, 0.5)],
)  # fmt: skip
def test_where_one_is_best_a_level_counts_on_both_sides(value: float, status: Status, decided: float) -> None:
    found, level, words = held_against("one", value, 0.8, 0.5, "set by its owner")
    assert (found, level) == (status, pytest.approx(decided))
    assert ("within" if status == Status.OK else "beyond") in words


def test_the_top_label_of_several_classes_is_judged(tmp_path: Path) -> None:
    log = multiclass(DAYS, per_hour=60)
    names = ("late", "early", "cancelled")
    late = ((log.ts - pd.Timestamp(START)).dt.days >= SINCE).to_numpy()[:, None]
    shares = log[[f"p_{n}" for n in names]].to_numpy()
    sharp = shares**2.5 / (shares**2.5).sum(axis=1, keepdims=True)
    log[[f"p_{n}" for n in names]] = np.where(late, sharp, shares)
    columns = {"id": "id", "timestamp": "ts", "label": "outcome", "prediction": "said", "features": ["distance"]}
    predictions = {**write(log, "parquet", tmp_path), "columns": columns | {"score": {n: f"p_{n}" for n in names}}}
    store = connect(MEMORY)
    create(store)
    model = {
        "key": "outcome", "task": "multiclass_classification", "reference": REFERENCE, "predictions": predictions,
    }  # fmt: skip
    found = judged(store, tmp_path, model, START + timedelta(days=DAYS, hours=23))
    off = of(found, LEVEL)[-1]
    assert off.status in (Status.WARNING, Status.BREACHED)
    assert off.effect.startswith("is ") and off.effect.endswith("are right: over-confident")
    with reading(store) as session:
        top, one = (beside(session, "outcome", off.window.start, off.window.end, (0, 1), c) for c in ("", "late"))
        assert beside(session, "other", off.window.start, off.window.end, (0, 1)) is None
    assert top is not None and one is not None and top.classes == one.classes == names
    assert top.current is not None and one.current is not None and top.reference is not None
    assert top.current.rows < one.current.rows == off.window.n, "a top label counts where its probability is above .5"
    assert top.current.error.value > 3 * top.reference.error.value > 0  # type: ignore[operator]
    assert of(found, "performance.calibration_error")[-1].value > of(found, "performance.calibration_error")[0].value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.3, "30%"), (0.034, "3.4%"), (0.0034, "0.34%"), (0.997, "99.7%"), (0.0, "0.00%"), (1, "100.0%")],
)
def test_shares_are_told_with_the_digits_that_tell_them_apart(share: float, words: str) -> None:
    assert percent(share) == words
