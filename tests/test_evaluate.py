"""From somebody's logs to verdicts, through the command line alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, roc_auc_score

from monitoring import evaluate as evaluation
from monitoring.__main__ import main
from monitoring.core.checks import known
from tests.logs_of import KINDS, START, binary_model, fleet_of, flights, multiclass, regression, write

LOG = flights(days=8, decay_after=5)
FEATURES = LOG.drop(columns=["label", "observed_at"])
LABELS = LOG[["id", "label", "observed_at"]]
DOCUMENTED = {
    "model",
    "check",
    "column",
    "slice",
    "version",
    "method",
    "window",
    "value",
    "threshold",
    "status",
    "reason",
}
STATUSES = {"ok", "warning", "breached", "insufficient_data", "no_data", "failed"}
FLAGS = {"healthy", "watch", "retrain", "page"}

Verdicts = list[dict[str, Any]]


def evaluate(folder: Path, *models: dict[str, Any], options: tuple[str, ...] = (), status: int = 0) -> Verdicts:
    """Run the command; the objects it wrote."""
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    assert main(["evaluate", "--fleet", str(fleet_of(folder, *models)), "--json", str(out), *options]) == status
    return list(json.loads(out.read_text())) if out.exists() else []


def apart(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "columns": {"id": "id", "label": "label", "observed_at": "observed_at"}}


def of(verdicts: Verdicts, check: str, **wanted: Any) -> Verdicts:
    """The verdicts of a check; of all rows of all versions, unless something else is wanted."""
    wanted = {"slice": None, "version": None} | wanted
    return [v for v in verdicts if v["check"] == check and all(v[name] == value for name, value in wanted.items())]


def summing_up(verdicts: Verdicts, model: str = "delays") -> dict[str, Any]:
    (one,) = [v for v in verdicts if v["check"] == "model" and v["model"] == model]
    return one


def key(verdict: dict[str, Any]) -> tuple[Any, ...]:
    names = ("model", "check", "column", "slice", "version", "method")
    return (*(verdict[name] or "" for name in names), verdict["window"]["start"] or "", verdict["window"]["chunk"] or 0)


def differences(some: Verdicts, others: Verdicts) -> list[str]:
    """What differs, but for the words and the last digits of numbers."""
    mine, theirs = {key(v): v for v in some}, {key(v): v for v in others}
    assert len(mine) == len(some) and len(theirs) == len(others), "a verdict is there twice"
    found = [f"only here: {k}" for k in mine.keys() - theirs.keys()]
    found += [f"only there: {k}" for k in theirs.keys() - mine.keys()]
    for k in mine.keys() & theirs.keys():
        for name in mine[k]:
            a, b = mine[k][name], theirs[k][name]
            close = isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
            if name != "reason" and a != b and not close:
                found.append(f"{k} {name}: {a} != {b}")
    return found


DIAGNOSE = evaluation.of_breach


@pytest.fixture(scope="module", autouse=True)
def undiagnosed() -> Iterator[None]:
    """Why performance fell is asked in test_diagnose, and here once of each format: it takes half of an evaluation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "of_breach", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def parquet(undiagnosed: None, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    folder = tmp_path_factory.mktemp("parquet")
    return evaluate(folder, binary_model(write(LOG, "parquet", folder)))


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    folder = tmp_path_factory.mktemp("diagnosed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "of_breach", DIAGNOSE)
        return evaluate(folder, binary_model(write(LOG, "parquet", folder)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_verdicts_and_diagnosis_in_every_format(
    kind: str, parquet: Verdicts, diagnosed: Verdicts, tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    monkeypatch.setattr(evaluation, "of_breach", DIAGNOSE)
    model = binary_model(write(LOG, kind, tmp_path, "log", url))
    assert not differences(evaluate(tmp_path, model), diagnosed)
    assert summing_up(diagnosed)["reason"] != summing_up(parquet)["reason"], "it says what would help"


@pytest.mark.parametrize("kind", KINDS)
def test_labels_apart_give_the_same_verdicts_as_in_the_row_in_every_format(
    kind: str, parquet: Verdicts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    place = write(FEATURES, kind, tmp_path, "log", url)
    model = binary_model(place, labels=apart(write(LABELS, kind, tmp_path, "labels", url)))
    assert not differences(evaluate(tmp_path, model), parquet)


def test_labels_of_another_format_than_their_predictions_fit_them(parquet: Verdicts, tmp_path: Path) -> None:
    place = write(FEATURES, "sqlite", tmp_path)
    model = binary_model(place, labels=apart(write(LABELS, "csv", tmp_path, "labels")))
    assert not differences(evaluate(tmp_path, model), parquet)


def test_a_decaying_model_needs_retraining_and_the_sentence_says_why_with_its_numbers(parquet: Verdicts) -> None:
    verdict = summing_up(parquet)
    assert (verdict["flag"], verdict["status"]) == ("retrain", "breached")
    assert re.search(r"ROC AUC 0\.\d+.* below 0\.\d+", verdict["reason"])


def test_a_steady_model_does_not(tmp_path: Path) -> None:
    verdicts = evaluate(tmp_path, binary_model(write(flights(days=8, seed=3), "parquet", tmp_path)))
    assert summing_up(verdicts)["flag"] in ("healthy", "watch")
    assert not of(verdicts, "performance.roc_auc", status="breached")


def test_realised_performance_is_that_of_the_raw_rows(parquet: Verdicts) -> None:
    found = of(parquet, "performance.roc_auc")
    assert found
    answered = LOG[LOG.status == "ok"]
    for v in found:
        start = pd.Timestamp(v["window"]["start"])
        day = answered[(answered.ts >= start) & (answered.ts < pd.Timestamp(v["window"]["end"]))]
        if v["value"] is not None:
            assert v["value"] == pytest.approx(roc_auc_score(day.label, day.score), abs=2e-3)


def test_drift_is_found_in_the_column_that_drifted_and_on_the_days_it_did(parquet: Verdicts) -> None:
    found = of(parquet, "drift.feature", status="breached")
    assert {v["column"] for v in found} == {"distance"}
    days = {v["window"]["start"][:10] for v in found}
    assert {"2026-03-07", "2026-03-08", "2026-03-09"} <= days
    assert not of(parquet, "drift.feature", column="carrier", status="breached")


def test_every_object_has_the_documented_keys_and_utc_times(parquet: Verdicts) -> None:
    for v in parquet:
        assert v.keys() >= DOCUMENTED and v["window"].keys() == {"start", "end", "n", "chunk"}
        assert v["status"] in STATUSES and known(v["check"]) and v["reason"]
        assert isinstance(v["window"]["n"], int) and v["window"]["chunk"] is None
        for moment in (v["window"]["start"], v["window"]["end"]):
            assert moment.endswith("Z") and datetime.fromisoformat(moment).tzinfo == UTC
        assert ("flag" in v) == (v["check"] == "model") and v.get("flag", "page") in FLAGS
        for name in ("value", "threshold"):
            assert v[name] is None or math.isfinite(v[name])


def test_slices_and_versions_are_judged_on_their_own(parquet: Verdicts) -> None:
    assert {v["slice"] for v in parquet if v["slice"]} == {"origin=EWR", "origin=JFK", "origin=LGA"}
    assert {v["version"] for v in parquet if v["version"]} == {"v1", "v2"}
    by_slice = [v for v in parquet if v["check"] == "performance.roc_auc" and v["slice"]]
    assert {v["slice"] for v in by_slice} == {"origin=EWR", "origin=JFK", "origin=LGA"}


def test_a_log_cut_by_rows_has_numbered_chunks_and_no_times(tmp_path: Path) -> None:
    model = binary_model(write(LOG.drop(columns=["ts", "observed_at"]), "parquet", tmp_path), chunk={"rows": 288})
    columns = {k: v for k, v in model["predictions"]["columns"].items() if k not in ("timestamp", "observed_at")}
    model["predictions"]["columns"] = columns
    model |= {"reference": {"rows": 3 * 288}, "slos": []}
    verdicts = evaluate(tmp_path, model)
    assert all(v["window"]["start"] is None and v["window"]["end"] is None for v in verdicts)
    assert {v["window"]["chunk"] for v in of(verdicts, "performance.roc_auc")} == set(range(8))
    drifted = of(verdicts, "drift.feature", column="distance", status="breached")
    assert {5, 6, 7} <= {v["window"]["chunk"] for v in drifted}
    assert summing_up(verdicts)["flag"] == "retrain"


REFERENCE = LOG[LOG.ts < pd.Timestamp(START + timedelta(days=3))]


@pytest.mark.parametrize("how", ["a window", "a log with times", "a log without", "left out"])
def test_the_reference_may_be(how: str, tmp_path: Path) -> None:
    place = write(LOG, "parquet", tmp_path)
    model = binary_model(place)
    if how == "left out":
        del model["reference"]
    elif how != "a window":
        log = REFERENCE if how == "a log with times" else REFERENCE.drop(columns=["ts", "observed_at"])
        model["reference"] = write(log, "parquet", tmp_path / "reference", "reference")
        columns = {
            k: v
            for k, v in model["predictions"]["columns"].items()
            if k in log.columns or k in ("slices", "features", "latency_ms")
        }
        if how == "a log with times":
            columns = dict(model["predictions"]["columns"])
        else:
            columns = {"score": "score", "label": "label", "features": ["distance", "hour", "carrier", "origin"]}
        model["reference"] |= {"columns": columns}
    verdicts = evaluate(tmp_path, model)
    drifted = {v["window"]["start"][:10] for v in of(verdicts, "drift.feature", column="distance", status="breached")}
    assert {"2026-03-07", "2026-03-08", "2026-03-09"} <= drifted
    assert not of(verdicts, "drift.feature", column="carrier", status="breached")
    assert any(v["threshold"] is not None for v in of(verdicts, "performance.roc_auc"))
    assert summing_up(verdicts)["flag"] in ("retrain", "page")


def test_a_regression_is_measured_by_its_errors(tmp_path: Path) -> None:
    log = regression(days=8, decay_after=5)
    model = binary_model(write(log, "parquet", tmp_path), task="regression")
    model["predictions"]["columns"] = {
        "id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "observed_at": "observed_at",
        "features": ["distance"], "slices": ["origin"], "version": "version", "status": "status",
        "latency_ms": "latency",
    }  # fmt: skip
    verdicts = evaluate(tmp_path, model)
    answered = log[log.status == "ok"]
    for v in of(verdicts, "performance.mae"):
        day = answered[
            (answered.ts >= pd.Timestamp(v["window"]["start"])) & (answered.ts < pd.Timestamp(v["window"]["end"]))
        ]
        assert v["value"] == pytest.approx(mean_absolute_error(day.actual, day.eta), rel=1e-9)
    breached = {v["window"]["start"][:10] for v in of(verdicts, "performance.mae", status="breached")}
    assert breached == {"2026-03-07", "2026-03-08", "2026-03-09"}
    assert summing_up(verdicts)["flag"] == "retrain"


def test_a_multiclass_model_is_measured_by_its_classes(tmp_path: Path) -> None:
    log = multiclass(days=8)
    model = binary_model(write(log, "parquet", tmp_path), task="multiclass_classification", slos=[])
    model["predictions"]["columns"] = {
        "id": "id", "timestamp": "ts", "prediction": "said", "label": "outcome", "observed_at": "observed_at",
        "score": {name: f"p_{name}" for name in ("late", "early", "cancelled")}, "features": ["distance", "carrier"],
    }  # fmt: skip
    verdicts = evaluate(tmp_path, model)
    found = of(verdicts, "performance.f1_macro") or of(verdicts, "performance.macro_f1")
    assert found, sorted({v["check"] for v in verdicts})
    for v in found:
        day = log[(log.ts >= pd.Timestamp(v["window"]["start"])) & (log.ts < pd.Timestamp(v["window"]["end"]))]
        assert v["value"] == pytest.approx(f1_score(day.outcome, day.said, average="macro"), abs=1e-9)
    assert not [v for v in verdicts if v["status"] == "failed"]


def test_the_only_objective_of_a_kind_has_no_column_and_several_have_their_names(tmp_path: Path) -> None:
    slos = [
        {"sli": "availability", "objective": 0.9, "period": "7d"},
        {"sli": "latency", "threshold_ms": 50, "objective": 0.9, "period": "7d"},
        {"sli": "latency", "threshold_ms": 200, "objective": 0.99, "period": "7d"},
    ]
    verdicts = evaluate(tmp_path, binary_model(write(LOG, "parquet", tmp_path), slos=slos))
    found = {(v["check"], v["column"]) for v in verdicts if v["check"].startswith("slo.")}
    assert found == {
        ("slo.availability", None), ("slo.latency", "latency-50ms-90-7d"), ("slo.latency", "latency-200ms-99-7d"),
    }  # fmt: skip


MEANT: list[tuple[dict[Any, str], int, int]] = [
    ({}, 0, 80),
    ({429: "error"}, 10, 90),
    ({"429": "error", 200: "left_out"}, 10, 10),
    ({429: "ok", 404: "error"}, 10, 100),
]


@pytest.mark.parametrize("kind", ["a number", "a text"])
@pytest.mark.parametrize(("meant", "bad", "of_all"), MEANT)
def test_statuses_mean_what_the_fleet_file_says(
    meant: dict[Any, str], bad: int, of_all: int, kind: str, tmp_path: Path
) -> None:
    log = flights(days=1, per_hour=5).head(100)
    codes = [200] * 80 + [429] * 10 + [404] * 10
    log["status"] = codes if kind == "a number" else [str(code) for code in codes]
    place = write(log, "parquet", tmp_path)
    slos = [{"sli": "availability", "objective": 0.5, "period": "7d"}]
    model = binary_model(place, slos=slos)
    model["predictions"]["statuses"] = meant
    (verdict,) = of(evaluate(tmp_path, model), "slo.availability", method="budget")
    assert verdict["window"]["n"] == of_all and f"{1 - bad / of_all:.3%} answered of {of_all}" in verdict["reason"]


@pytest.mark.parametrize("labels", ["in the row", "apart"])
def test_as_of_an_earlier_moment_only_what_was_known_then_is_used(labels: str, tmp_path: Path) -> None:
    then = START + timedelta(days=6, hours=7, minutes=30)
    known_then = LOG[LOG.ts <= pd.Timestamp(then)].copy()
    known_then.loc[known_then.observed_at > pd.Timestamp(then), "label"] = None

    def model(log: pd.DataFrame, folder: Path) -> dict[str, Any]:
        if labels == "in the row":
            return binary_model(write(log, "parquet", folder))
        seen = log[["id", "label", "observed_at"]].dropna(subset="label")
        place = write(log.drop(columns=["label", "observed_at"]), "parquet", folder)
        return binary_model(place, labels=apart(write(seen, "parquet", folder, "labels")))

    (tmp_path / "whole").mkdir()
    (tmp_path / "then").mkdir()
    options = ("--as-of", f"{then:%Y-%m-%dT%H:%M:%SZ}")
    looking_back = evaluate(tmp_path / "whole", model(LOG, tmp_path / "whole"), options=options)
    at_the_time = evaluate(tmp_path / "then", model(known_then, tmp_path / "then"), options=options)
    assert not differences(looking_back, at_the_time)
    assert max(v["window"]["start"] for v in looking_back) <= options[1]


def test_from_and_to_choose_the_windows_and_change_none_of_their_verdicts(parquet: Verdicts, tmp_path: Path) -> None:
    options = ("--from", "2026-03-06", "--to", "2026-03-08")
    some = evaluate(tmp_path, binary_model(write(LOG, "parquet", tmp_path)), options=options)
    windowed = [v for v in some if v["check"] != "model" and not v["check"].startswith("slo.")]
    windowed = [v for v in windowed if v["check"] != "quality.schema"]
    assert {v["window"]["start"][:10] for v in windowed} == {"2026-03-06", "2026-03-07"}
    whole = {key(v): v for v in parquet}
    assert not differences(windowed, [whole[key(v)] for v in windowed])


@pytest.mark.parametrize(
    ("log", "option", "status"),
    [
        (LOG, None, 0),
        (LOG, "warning", 1),
        (LOG, "breached", 1),
    ],
)
def test_the_exit_status_tells_of_bad_verdicts_only_when_asked(
    log: pd.DataFrame, option: str | None, status: int, tmp_path: Path
) -> None:
    options = ("--fail-on", option) if option else ()
    evaluate(tmp_path, binary_model(write(log, "parquet", tmp_path)), options=options, status=status)


def test_a_sound_model_passes_fail_on(tmp_path: Path) -> None:
    log = flights(days=8, per_hour=60, seed=11)
    model = binary_model(write(log, "parquet", tmp_path), slos=[])
    model["predictions"]["columns"] = {"id": "id", "timestamp": "ts", "score": "score", "features": ["hour", "carrier"]}
    evaluate(tmp_path, model, options=("--fail-on", "breached"), status=0)


def test_verdicts_whose_labels_are_still_to_come_fail_nothing(tmp_path: Path) -> None:
    log = flights(days=40, per_hour=12, seed=5)
    days = log.label.map({1: 1, 0: 21})
    log = log.assign(observed_at=log.ts + pd.to_timedelta(days, unit="D"))
    reference = {"from": "2026-03-02", "to": "2026-03-09"}
    model = binary_model(write(log, "parquet", tmp_path), slos=[], reference=reference)
    as_of = f"{START + timedelta(days=39):%Y-%m-%d}"
    found = evaluate(tmp_path, model, options=("--as-of", as_of, "--fail-on", "breached"), status=0)
    assert any(v["status"] == "breached" and v["provisional"] for v in found)


def test_evaluating_one_model_leaves_the_others_alone(tmp_path: Path) -> None:
    place = write(LOG, "parquet", tmp_path)
    both = (binary_model(place), binary_model(place, key="others"))
    assert {v["model"] for v in evaluate(tmp_path, *both, options=("--model", "others"))} == {"others"}


def test_the_verdicts_go_to_standard_output_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = fleet_of(tmp_path, binary_model(write(LOG, "parquet", tmp_path)))
    assert main(["evaluate", "--fleet", str(fleet), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) and "RETRAIN" in err


# What cannot be used, and the sentence that says so


def without_file(folder: Path) -> Any:
    return binary_model({"source": "parquet", "location": str(folder / "nowhere.parquet")})


def without_column(folder: Path) -> Any:
    return binary_model(write(LOG.rename(columns={"score": "scores"}), "parquet", folder))


def of_another_type(folder: Path) -> Any:
    return binary_model(write(LOG.assign(score="high"), "parquet", folder))


def of_no_times(folder: Path) -> Any:
    return binary_model(write(LOG.assign(ts="yesterday"), "csv", folder))


def of_dates_without_dashes(folder: Path) -> Any:
    return binary_model(write(LOG.assign(ts=LOG.ts.dt.strftime("%Y%m%d")), "parquet", folder))


def without_rows(folder: Path) -> Any:
    return binary_model(write(LOG[:0], "parquet", folder))


def without_rows_in_csv(folder: Path) -> Any:
    return binary_model(write(LOG[:0], "csv", folder))


def unreadable(folder: Path) -> Any:
    (folder / "log.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")
    return binary_model({"source": "parquet", "location": str(folder / "log.parquet")})


def without_table(folder: Path) -> Any:
    return binary_model(write(LOG, "sqlite", folder) | {"table": "flihgts"})


def without_server(folder: Path) -> Any:
    url = "postgresql+psycopg://leeway:secret@127.0.0.1:1/postgres"
    return binary_model({"source": "sql", "url": url, "table": "log"})


def of_an_unknown_source(folder: Path) -> Any:
    return binary_model({"source": "excel", "location": "log.xls"})


def reference_of_nothing(folder: Path) -> Any:
    return binary_model(write(LOG, "parquet", folder), reference={"from": "2020-01-01", "to": "2020-01-31"})


def of_labels_seen_at(folder: Path, moments: list[Any]) -> Any:
    """Labels in a log of their own, whose time is no time."""
    seen = [moments[number % len(moments)] for number in range(len(LOG))]
    LOG[["id", "label"]].assign(seen=seen).to_parquet(folder / "labels.parquet")
    labels = {"source": "parquet", "location": "labels.parquet"}
    columns = {"id": "id", "label": "label", "observed_at": "seen"}
    return binary_model(
        write(LOG.drop(columns=["label", "observed_at"]), "parquet", folder), labels=labels | {"columns": columns}
    )


def of_flags_as_times_in_the_row(folder: Path) -> Any:
    model = binary_model(write(LOG.assign(flag=LOG.index % 2), "parquet", folder))
    model["predictions"]["columns"]["observed_at"] = "flag"
    return model


UNUSABLE: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "missing file": (without_file, ("nowhere.parquet", "no file is there", "Relative locations start from")),
    "missing column": (without_column, ("'score'", "mapped as score", "Did you mean 'scores'?")),
    "wrong type": (of_another_type, ("'score'", "holds text", "number or boolean is needed")),
    "no times": (of_no_times, ("'ts'", "yesterday", "not a time", "2026-05-14T06:00:00Z")),
    "dates that look like numbers": (of_dates_without_dashes, ("'ts'", "20260302", "not a time")),
    "flags as times of labels": (
        lambda folder: of_labels_seen_at(folder, [0, 1]),
        (
            "labels (labels.parquet)",
            "column 'seen', mapped as observed_at, holds numbers up to 1:",
            "1970-01-01 00:00:01",
            "when a label came to be known",
            "seconds, ms, µs or ns since 1970",
        ),
    ),
    "ages as times of labels": (
        lambda folder: of_labels_seen_at(folder, [17, 83.5]),
        ("numbers up to 83.5", "1970-01-01 00:01:23"),
    ),
    "seconds of labels read as nanoseconds": (
        lambda folder: of_labels_seen_at(folder, [pd.Timestamp(1_770_000_000)]),
        ("column 'seen', mapped as observed_at, holds times, but the latest is 1970-01-01 00:00:01 UTC",),
    ),
    "flags as times of labels in the row": (
        of_flags_as_times_in_the_row,
        ("column 'flag', mapped as observed_at", "up to 1:"),
    ),
    "numbers as time stamps": (
        lambda folder: binary_model(write(LOG.assign(ts=LOG.index), "csv", folder)),
        ("column 'ts', mapped as timestamp, holds numbers up to", "when a prediction was made", "chunk: {rows: 1000}"),
    ),
    "empty log": (without_rows, ("holds no rows",)),
    "empty CSV": (without_rows_in_csv, ("holds no rows",)),
    "unreadable file": (unreadable, ("log.parquet", "Is the file whole and readable?")),
    "missing table": (without_table, ("flihgts", "has no table")),
    "no server": (without_server, ("127.0.0.1:1", "Is the database up")),
    "unknown source": (of_an_unknown_source, ("excel", "Known: csv, jsonl, parquet, sql")),
    "reference without rows": (
        reference_of_nothing,
        ("no rows (2020-01-01 00:00 to", "the log has rows from 20", "Choose"),
    ),
}


@pytest.mark.parametrize("story", UNUSABLE)
def test_what_cannot_be_used_ends_in_status_2_and_a_sentence(
    story: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, words = UNUSABLE[story]
    (verdict,) = evaluate(tmp_path, make(tmp_path), status=2)
    out, err = capfd.readouterr()
    said = " ".join((out + err).split())
    for word in words:
        assert word in verdict["reason"] and word in said, said
    assert "Traceback" not in said and "secret" not in said
    assert (verdict["check"], verdict["status"]) == ("model", "failed")


FILES: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "no such file": (None, ("fleet.yaml", "cannot be read")),
    "malformed YAML": ("models: [\n  - key: a\n", ("fleet.yaml", "is not YAML", "line")),
    "no models": ("model: []\n", ("fleet.yaml", "holds no `models:` list")),
    "unknown field": (
        "models:\n  - {key: a, task: regression, retrain: yes, predictions: {source: csv, location: a.csv,"
        " columns: {timestamp: ts, prediction: p}}}\n",
        ("model a", "retrain", "no such field"),
    ),
    "unknown task": (
        "models:\n  - {key: a, task: ranking, predictions: {source: csv, location: a.csv, columns: {timestamp: ts}}}\n",
        ("model a", "task", "binary_classification"),
    ),
    "models that are no list": ("models: 3\n", ("fleet.yaml", "models")),
    "a model that is no mapping": ("models: [a]\n", ("fleet.yaml", "model")),
}


@pytest.mark.parametrize("story", FILES)
def test_a_fleet_file_that_cannot_be_used_does_too(
    story: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, words = FILES[story]
    path = tmp_path / "fleet.yaml"
    if content is not None:
        path.write_text(content)
    assert main(["evaluate", "--fleet", str(path)]) == 2
    err = capfd.readouterr().err
    for word in words:
        assert word in err
    assert "Traceback" not in err


def test_a_model_that_is_not_in_the_file_is_named_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = fleet_of(tmp_path, without_file(tmp_path))
    assert main(["evaluate", "--fleet", str(fleet), "--model", "delay"]) == 2
    assert "no model is called 'delay'. Known: delays." in capsys.readouterr().err


def test_one_bad_model_stops_no_other(tmp_path: Path) -> None:
    good = binary_model(write(LOG, "parquet", tmp_path))
    bad = binary_model({"source": "csv", "location": "nowhere.csv"}, key="bad")
    verdicts = evaluate(tmp_path, bad, good)
    assert summing_up(verdicts, "bad")["status"] == "failed"
    assert summing_up(verdicts)["flag"] == "retrain"


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_one_bad_file_stops_no_other(kind: str, tmp_path: Path) -> None:
    half = len(LOG) // 2
    for number, rows in enumerate((LOG[:half], LOG[half:])):
        write(rows, kind, tmp_path / "log", f"f{number}")
    (tmp_path / "log" / f"bad.{kind}").write_bytes(b'PAR1 \x00\x01\x02 {"a": [1, "\xff')
    verdicts = evaluate(tmp_path, binary_model({"source": kind, "location": str(tmp_path / "log")}))
    assert sum(v["window"]["n"] for v in of(verdicts, "quality.volume")) == len(LOG)
    assert summing_up(verdicts)["flag"] == "retrain"


def test_a_log_of_many_files_is_that_of_one(parquet: Verdicts, tmp_path: Path) -> None:
    for number, (_, day) in enumerate(LOG.groupby(LOG.ts.dt.date)):
        write(day, "parquet", tmp_path / "log" / f"day{number}", "log")
    place = {"source": "parquet", "location": "log"}
    assert not differences(evaluate(tmp_path, binary_model(place)), parquet)
    place = {"source": "parquet", "location": "log/*/*.parquet"}
    assert not differences(evaluate(tmp_path, binary_model(place)), parquet)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("content", ["header alone", "nothing at all"])
def test_an_empty_file_beside_others_changes_nothing(
    kind: str, content: str, parquet: Verdicts, tmp_path: Path
) -> None:
    write(LOG, kind, tmp_path / "log")
    (tmp_path / "log" / f"a.{kind}").write_text(
        ",".join(LOG.columns) + "\n" if content == "header alone" and kind == "csv" else ""
    )
    assert not differences(evaluate(tmp_path, binary_model({"source": kind, "location": "log"})), parquet)


def test_a_log_may_have_columns_of_any_name(parquet: Verdicts, tmp_path: Path) -> None:
    names = ("observed", "label_value", "known", "base", "slot", "g", "n", "k", "t", "select", 'a "quoted" one')
    log = LOG.assign(**{name: "x" for name in names})
    assert not differences(evaluate(tmp_path, binary_model(write(log, "parquet", tmp_path))), parquet)
    model = binary_model(write(log, "parquet", tmp_path))
    model["predictions"]["columns"] |= {"features": ["distance", *names]}
    verdicts = evaluate(tmp_path, model)
    assert {v["column"] for v in of(verdicts, "drift.feature")} == {"distance", *names}
    assert not [v for v in verdicts if v["status"] == "failed"]


TIMES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "seconds since 1970": lambda ts: ts.dt.tz_localize(None).astype("datetime64[s]").astype("int64"),
    "milliseconds": lambda ts: ts.dt.tz_localize(None).astype("datetime64[ms]").astype("int64"),
    "without a zone": lambda ts: ts.dt.tz_localize(None),
    "in another zone": lambda ts: ts.dt.tz_convert("America/New_York"),
    "text with an offset": lambda ts: ts.dt.tz_convert("Asia/Kolkata").map(lambda t: t.isoformat()),
}


@pytest.mark.parametrize("shape", TIMES)
def test_times_may_be_written(shape: str, parquet: Verdicts, tmp_path: Path) -> None:
    log = LOG.assign(ts=TIMES[shape](LOG.ts), observed_at=TIMES[shape](LOG.observed_at))
    assert not differences(evaluate(tmp_path, binary_model(write(log, "parquet", tmp_path))), parquet)


@pytest.fixture(scope="module")
def as_of_the_sixth_day(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    folder = tmp_path_factory.mktemp("sixth")
    return evaluate(folder, binary_model(write(LOG, "parquet", folder)), options=("--as-of", "2026-03-08"))


@pytest.mark.parametrize(
    ("kind", "predicted", "observed"),
    [
        ("parquet", "seconds since 1970", "milliseconds"),
        ("csv", "milliseconds", "seconds since 1970"),
        ("jsonl", "text with an offset", "milliseconds"),
        ("parquet", "milliseconds", "text with an offset"),
    ],
)
def test_times_of_labels_have_a_unit_of_their_own(
    kind: str, predicted: str, observed: str, as_of_the_sixth_day: Verdicts, tmp_path: Path
) -> None:
    """As of a moment at which some labels were not known yet."""
    log = LOG.assign(ts=TIMES[predicted](LOG.ts), observed_at=TIMES[observed](LOG.observed_at))
    found = evaluate(tmp_path, binary_model(write(log, kind, tmp_path)), options=("--as-of", "2026-03-08"))
    assert not differences(found, as_of_the_sixth_day)
    assert any(v["window"]["n"] for v in of(found, "performance.roc_auc"))


def test_a_log_cut_by_rows_may_have_times_in_milliseconds(tmp_path: Path) -> None:
    by_rows = {"chunk": {"rows": 288}, "reference": {"rows": 3 * 288}, "slos": []}
    found = {}
    for shape in ("seconds since 1970", "milliseconds"):
        log = LOG.assign(ts=TIMES[shape](LOG.ts), observed_at=TIMES["milliseconds"](LOG.observed_at))
        model = binary_model(write(log, "parquet", tmp_path / shape), **by_rows)
        found[shape] = evaluate(tmp_path / shape, model, options=("--as-of", "2026-03-08"))
    assert not differences(found["milliseconds"], found["seconds since 1970"])
    labelled = [v["window"]["n"] for v in of(found["milliseconds"], "performance.roc_auc") if not v["slice"]]
    assert max(labelled) > 200 and min(labelled) == 0


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_seconds_since_1970_may_be_text(kind: str, parquet: Verdicts, tmp_path: Path) -> None:
    seconds = TIMES["seconds since 1970"]
    log = LOG.assign(ts=seconds(LOG.ts).astype(str), observed_at=seconds(LOG.observed_at).astype(str))
    assert not differences(evaluate(tmp_path, binary_model(write(log, kind, tmp_path))), parquet)


def test_a_newcomers_own_csv_gives_verdicts_with_a_file_of_twenty_lines(tmp_path: Path) -> None:
    write(LOG, "csv", tmp_path)
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "models:\n"
        "  - key: mine\n"
        "    task: binary_classification\n"
        "    predictions:\n"
        "      source: csv\n"
        "      location: log.csv\n"
        "      columns: {timestamp: ts, score: score, label: label}\n"
    )
    out = tmp_path / "out.json"
    assert main(["evaluate", "--fleet", str(fleet), "--json", str(out)]) == 0
    verdicts = json.loads(out.read_text())
    assert {"drift", "drift.feature", "drift.prediction", "performance.roc_auc", "quality.missing", "model"} <= {
        v["check"] for v in verdicts
    }
