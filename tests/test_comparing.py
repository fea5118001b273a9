"""Two versions compared from real logs: which rows are taken, how they are brought together, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring import fleet
from monitoring.__main__ import main
from monitoring.comparing import reading
from monitoring.comparing.asked import CompareError, Side
from monitoring.comparing.compare import compare
from monitoring.core.comparison.comparison import Comparison, Outcome, Verdict, from_document
from monitoring.core.comparison.words import sentence
from monitoring.errors import LeewayError
from tests.logs_of import COLUMNS, KINDS, START, binary_model, fleet_of, flights, multiclass, regression, write

SINCE = START + timedelta(days=3)
OWN = {**COLUMNS, "label": "label", "observed_at": "observed_at"}
SHADOW = {"id": "id", "timestamp": "ts", "score": "score", "version": "version", "latency_ms": "latency"}


def model_of(place: dict[str, Any], **changes: Any) -> fleet.Model:
    return fleet.parse_model(binary_model(place, **changes), "tests")


def shadow_of(place: dict[str, Any], columns: dict[str, Any] | None = None) -> fleet.Log:
    return fleet.Log(**{**place, "columns": columns or SHADOW})


def better(log: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """A challenger's answers to the same requests: nearer to the truth from SINCE on, and nonsense before."""
    draw = np.random.default_rng(seed)
    sharp = np.clip(0.25 * log.score + 0.75 * (0.2 + 0.6 * log.label) + draw.normal(0, 0.05, len(log)), 0.001, 0.999)
    return log.assign(score=np.where(log.ts >= SINCE, sharp, draw.random(len(log))), version="candidate")


def two_versions(log: pd.DataFrame, same_ids: bool) -> pd.DataFrame:
    """Every request answered by two versions, one row after the other."""
    other = better(log)
    if not same_ids:
        other = other.assign(id="x" + other.id)
    return pd.concat([log.assign(version="v1"), other]).sort_values(["ts", "id"], kind="stable")


def rows_of(found: Comparison) -> tuple[int, int, str]:
    return found.about.rows, found.about.challenger_rows, found.about.pairing


def mature(log: pd.DataFrame, since: datetime = SINCE) -> pd.DataFrame:
    return log[(log.ts >= since) & (log.status == "ok")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_shadow_log_is_joined_by_id_wherever_the_logs_lie(kind: str, tmp_path: Path, request: Any) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    log = flights(8, 6)
    model = model_of(write(log, kind, tmp_path, "own", url))
    shadow = shadow_of(write(better(log), kind, tmp_path, "shadow", url))
    found = compare(model, tmp_path, Side(), Side("candidate", shadow=True), since=SINCE, shadow=shadow)
    assert rows_of(found) == (len(mature(log)), len(mature(log)), "id")
    assert found.verdict == Verdict.BETTER and found.about.metric == "roc_auc"
    assert found.about.first is not None and found.about.first >= SINCE
    assert {s.name for s in found.slices} == {"origin = EWR", "origin = JFK", "origin = LGA"}


@pytest.mark.parametrize(("same_ids", "pairing"), [(True, "id"), (False, "inputs")])
def test_two_versions_in_one_log_are_paired_by_id_or_by_moment_and_inputs(
    same_ids: bool, pairing: str, tmp_path: Path
) -> None:
    log = flights(8, 6)
    model = model_of(write(two_versions(log, same_ids), "parquet", tmp_path))
    found = compare(model, tmp_path, Side("v1"), Side("candidate"), since=SINCE)
    assert rows_of(found) == (len(mature(log)), len(mature(log)), pairing)
    assert found.verdict == Verdict.BETTER
    back = compare(model, tmp_path, Side("candidate"), Side("v1"), since=SINCE)
    assert back.verdict == Verdict.WORSE
    assert found.main.change is not None and back.main.change is not None
    assert back.main.change.value == pytest.approx(-found.main.change.value)


def test_versions_that_answered_other_requests_are_compared_unpaired(tmp_path: Path) -> None:
    log = flights(8, 12)
    half = np.random.default_rng(0).random(len(log)) < 0.5
    mixed = log.assign(version=np.where(half, "v1", "candidate")).assign(
        score=np.where(half, log.score, better(log).score)
    )
    found = compare(model_of(write(mixed, "parquet", tmp_path)), tmp_path, Side("v1"), Side("candidate"), since=SINCE)
    assert found.about.pairing == "none" and found.verdict == Verdict.BETTER
    assert "not paired" in sentence(found)
    assert found.notes == ()


def test_versions_of_different_times_are_said_to_be_so(tmp_path: Path) -> None:
    model = model_of(write(flights(8, 12), "parquet", tmp_path))
    found = compare(model, tmp_path, Side("v1"), Side("v2"))
    assert found.about.pairing == "none" and any("may be the time" in note for note in found.notes)
    assert "choose that" not in found.notes[0]
    log = flights(10, 12)
    canary = log.assign(version=np.where((log.ts >= START + timedelta(days=8)) | (log.index % 4 == 0), "v2", "v1"))
    canary.loc[canary.ts < START + timedelta(days=5), "version"] = "v1"
    found = compare(model_of(write(canary, "parquet", tmp_path)), tmp_path, Side("v1"), Side("v2"))
    assert found.notes == (), "v2 answered three days of its five beside v1"
    canary.loc[canary.ts < START + timedelta(days=7), "version"] = "v1"
    found = compare(model_of(write(canary, "parquet", tmp_path)), tmp_path, Side("v1"), Side("v2"))
    assert "Both answered from 2026-03-09 00:" in found.notes[0] and "choose that" in found.notes[0]


def test_what_is_known_later_changes_nothing_as_of_a_moment(tmp_path: Path) -> None:
    """Labels observed, and rows predicted, after T may be what they like: as of T it is what it was at T."""
    log, moment = flights(12, 12), START + timedelta(days=11)
    spoilt = log.assign(label=np.where(log.observed_at > moment, 1 - log.label, log.label))
    found = []
    for number, one in enumerate((log, spoilt)):
        place = write(one, "parquet", tmp_path, f"own{number}")
        shadow = shadow_of(write(better(log), "parquet", tmp_path, "shadow"))
        found.append(
            compare(model_of(place), tmp_path, Side(), Side(shadow=True), since=SINCE, as_of=moment, shadow=shadow)
        )
    assert found[0] == found[1]
    known = mature(log[log.observed_at <= moment])
    assert found[0].about.rows == len(known)
    place = write(log, "parquet", tmp_path, "own0")
    later = compare(model_of(place), tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow)
    assert later.about.rows > len(known)
    assert 0 < len(found[0].sequential.course) < len(later.sequential.course)
    assert later.sequential.course[: len(found[0].sequential.course)] == found[0].sequential.course


def test_labels_of_a_log_of_their_own_are_joined(tmp_path: Path) -> None:
    log = flights(8, 6)
    labels = write(log[["id", "label", "observed_at"]], "parquet", tmp_path, "labels")
    place = write(log.drop(columns=["label", "observed_at"]), "parquet", tmp_path)
    model = model_of(place, labels={**labels, "columns": {"id": "id", "label": "label", "observed_at": "observed_at"}})
    shadow = shadow_of(write(better(log), "parquet", tmp_path, "shadow"))
    found = compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow)
    assert rows_of(found) == (len(mature(log)), len(mature(log)), "id")


def test_after_a_promotion_the_shadow_may_be_the_champion(tmp_path: Path) -> None:
    log = flights(8, 6)
    model = model_of(write(better(log), "parquet", tmp_path))
    shadow = shadow_of(write(log.assign(version="v1"), "parquet", tmp_path, "shadow"))
    found = compare(model, tmp_path, Side("v1", shadow=True), Side("candidate"), since=SINCE, shadow=shadow)
    assert found.verdict == Verdict.BETTER and found.about.champion == "v1" and len(found.slices) == 3


def test_a_shadow_without_times_and_latency_is_no_obstacle(tmp_path: Path) -> None:
    log = flights(8, 6)
    model = fleet.parse_model(binary_model(write(log, "parquet", tmp_path), slos=[]), "tests")
    shadow = shadow_of(write(better(log)[["id", "score"]], "csv", tmp_path, "shadow"), {"id": "id", "score": "score"})
    found = compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow)
    assert found.verdict == Verdict.BETTER
    assert next(g for g in found.gates if g.name == "latency").outcome == Outcome.UNKNOWN


def test_rows_that_the_challenger_did_not_answer_are_counted(tmp_path: Path) -> None:
    log = flights(8, 6)
    shadow = better(log).assign(score=lambda f: f.score.where(np.arange(len(f)) % 5 > 0))
    mapped = shadow_of(write(shadow, "parquet", tmp_path, "shadow"))
    model = model_of(write(log, "parquet", tmp_path))
    found = compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=mapped)
    assert found.about.rows < 0.85 * len(mature(log))
    assert any("no answer to 20%" in note or "no answer to 19%" in note for note in found.notes)


def test_a_busy_log_is_sampled_the_same_way_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = flights(8, 30)
    model = model_of(write(log, "parquet", tmp_path))
    shadow = shadow_of(write(better(log), "parquet", tmp_path, "shadow"))
    monkeypatch.setattr(reading, "LIMIT", 700)
    one, other = (compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow) for _ in range(2))
    assert one == other
    assert 0 < one.about.rows <= 700 < one.about.of
    assert f"{one.about.rows:,} of {one.about.of:,} labelled rows" in sentence(one)


def test_a_regression_and_several_classes_are_compared_too(tmp_path: Path) -> None:
    times = regression(8, 6)
    columns = {"id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "observed_at": "observed_at"}
    place = {**write(times, "parquet", tmp_path, "times"), "columns": columns | {"features": ["distance"]}}
    model = fleet.parse_model({"key": "eta", "task": "regression", "unit": "min", "predictions": place}, "tests")
    closer = times.assign(eta=(times.eta + times.actual) / 2)
    shadow = fleet.Log(**write(closer, "parquet", tmp_path, "s1"), columns={"id": "id", "prediction": "eta"})
    found = compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow)
    assert found.verdict == Verdict.BETTER and found.main.name == "mae" and " min" in sentence(found)
    outcomes = multiclass(8, 6)
    scores = {name: f"p_{name}" for name in ("late", "early", "cancelled")}
    columns = {"id": "id", "timestamp": "ts", "score": scores, "label": "outcome", "features": ["distance"]}
    place = {**write(outcomes, "parquet", tmp_path, "outcomes"), "columns": columns}
    model = fleet.parse_model({"key": "o", "task": "multiclass_classification", "predictions": place}, "tests")
    worse = outcomes.assign(**{c: 1 / 3 for c in scores.values()}).assign(p_early=0.34, p_late=0.33, p_cancelled=0.33)
    shadow = fleet.Log(**write(worse, "parquet", tmp_path, "s2"), columns={"id": "id", "score": scores})
    found = compare(model, tmp_path, Side(), Side(shadow=True), since=SINCE, shadow=shadow)
    assert found.verdict == Verdict.WORSE and found.main.name == "accuracy"
    assert any("No `observed_at` is mapped" in note for note in found.notes)


REFUSED: dict[str, tuple[dict[str, Any], Side, Side, str]] = {
    "the same version": ({}, Side("v1"), Side("v1"), "with itself"),
    "an unknown version": ({}, Side("v1"), Side("v9"), "version v9 has no labelled rows"),
    "a shadow that is not mapped": ({}, Side(), Side(shadow=True), "no shadow log is mapped"),
    "two shadows": ({}, Side("a", True), Side("b", True), "both versions are of the shadow log"),
    "no label": ({"label": None, "observed_at": None}, Side("v1"), Side("v2"), "no label is mapped"),
    "no versions": ({"version": None}, Side("v1"), Side("v2"), "does not say its version"),
    "no time": ({"timestamp": None}, Side("v1"), Side("v2"), "no real time"),
}


@pytest.mark.parametrize("story", REFUSED)
def test_what_cannot_be_compared_is_refused_with_what_and_where(story: str, tmp_path: Path) -> None:
    columns, champion, challenger, said = REFUSED[story]
    document = binary_model(write(flights(3, 4), "parquet", tmp_path))
    document["predictions"]["columns"] = {k: v for k, v in {**OWN, **columns}.items() if v is not None}
    if "timestamp" in columns:
        document |= {"chunk": {"rows": 50}, "reference": {"rows": 50}, "slos": []}
    with pytest.raises(CompareError, match=said) as refused:
        compare(fleet.parse_model(document, "tests"), tmp_path, champion, challenger)
    assert refused.value.where == "delays"


def test_a_time_without_rows_and_a_log_that_is_not_there_are_refused(tmp_path: Path) -> None:
    model = model_of(write(flights(3, 4), "parquet", tmp_path))
    with pytest.raises(CompareError, match="from 2027-01-01 00:00 UTC"):
        compare(model, tmp_path, Side("v1"), Side("v2"), since=datetime(2027, 1, 1, tzinfo=UTC))
    shadow = shadow_of({"source": "parquet", "location": str(tmp_path / "gone.parquet")})
    with pytest.raises(LeewayError, match="gone"):
        compare(model, tmp_path, Side("v1"), Side(shadow=True), shadow=shadow)


def test_the_command_compares_and_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = binary_model(write(two_versions(flights(8, 6), True), "parquet", tmp_path))
    file = fleet_of(tmp_path, document)
    out = tmp_path / "out.json"
    words = ["compare", "v1", "candidate", "--fleet", str(file), "--model", "delays", "--from", f"{SINCE:%Y-%m-%d}"]
    assert main([*words, "--metric", "brier", "--json", str(out)]) == 0
    found = from_document(json.loads(out.read_text()))
    assert found.verdict == Verdict.BETTER and found.main.name == "brier"
    assert sentence(found) in capsys.readouterr().out
    assert main([*words[:2], "gone", *words[3:]]) == 2
    assert "version gone has no labelled rows" in capsys.readouterr().err


def test_a_side_is_written_as_a_version_or_as_one_of_the_shadow_log() -> None:
    assert Side.of("v1") == Side("v1") and Side.of("") == Side()
    assert Side.of("shadow") == Side("", shadow=True) and Side.of("shadow:v2") == Side("v2", shadow=True)
