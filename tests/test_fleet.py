"""The fleet file: what is wrong in it is named, and what was applied is given back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import fleet as fleets
from monitoring.__main__ import main
from monitoring.errors import FleetError
from monitoring.fleet import ReferenceWindow, parse
from monitoring.fleet.logs import expand, hidden

# The example of the design, as anybody would write it.
DESIGN = """
models:
  - key: arrival-delay-risk
    name: Arrival delay risk
    task: binary_classification
    mode: online
    target: cloud
    owner: flight-operations
    predictions:
      source: parquet
      location: data/logs/*.parquet
      columns:
        id: prediction_id
        timestamp: predicted_at
        score: score
        prediction: predicted
        version: model_version
        latency_ms: latency_ms
        status: status
        slices: [origin]
        features: [dep_hour, carrier]
    labels:
      source: parquet
      location: data/labels
      columns: {id: prediction_id, label: late, observed_at: landed_at}
    reference: {from: 2013-03-01, to: 2013-03-31}
    chunk: 1d
    slos:
      - {sli: latency, threshold_ms: 50, objective: 0.99, period: 30d}
      - {sli: availability, objective: 0.99, period: 30d}
    thresholds:
      - {check: performance.roc_auc, warning: 0.68, breached: 0.65}
      - {check: drift, false_alarms_per_quarter: 1}
"""


def design() -> dict[str, Any]:
    return dict(yaml.safe_load(DESIGN))


Change = Callable[[dict[str, Any]], object]

WRONG: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a field of no meaning": (lambda m: m.update(retrain=True), ("retrain", "no such field")),
    "a column of no meaning": (lambda m: m["predictions"]["columns"].update(scores="s"), ("scores", "no such field")),
    "no key": (lambda m: m.pop("key"), ("key", "required")),
    "a key with blanks": (lambda m: m.update(key="my model"), ("key",)),
    "a key in capitals": (lambda m: m.update(key="ETA"), ("key",)),
    "no task": (lambda m: m.pop("task"), ("task", "required")),
    "an unknown task": (lambda m: m.update(task="ranking"), ("task", "regression")),
    "an unknown mode": (lambda m: m.update(mode="sometimes"), ("mode", "batch")),
    "no predictions": (lambda m: m.pop("predictions"), ("predictions", "required")),
    "a file without a place": (lambda m: m["predictions"].pop("location"), ("predictions", "`location`")),
    "SQL without a table": (lambda m: m["predictions"].update(source="sql"), ("predictions", "`url` and `table`")),
    "no time and no rows": (lambda m: m["predictions"]["columns"].pop("timestamp"), ("timestamp", "{rows: 5000}")),
    "labels without id": (lambda m: m["labels"]["columns"].pop("id"), ("`id` and `label`",)),
    "labels for predictions without id": (lambda m: m["predictions"]["columns"].pop("id"), ("predictions need `id`",)),
    "neither score nor prediction": (
        lambda m: [m["predictions"]["columns"].pop(c) for c in ("score", "prediction")], ("map `score`",)
    ),
    "a regression without a value": (
        lambda m: [m.update(task="regression"), m["predictions"]["columns"].pop("prediction")], ("`prediction` mapped",)
    ),
    "one score for many classes": (lambda m: m.update(task="multiclass_classification"), ("{class: column, ...}",)),
    "a reference that ends before it begins": (
        lambda m: m.update(reference={"from": "2013-03-31", "to": "2013-03-01"}), ("`to` must come after `from`",)
    ),
    "a reference of no kind": (lambda m: m.update(reference={"days": 3}), ("reference",)),
    "a chunk of no length": (lambda m: m.update(chunk="2d"), ("chunk", "1h, 1d, 7d, 30d")),
    "a chunk of no rows": (lambda m: m.update(chunk={"rows": 0}), ("chunk", "{rows: N}")),
    "a latency objective without a limit": (lambda m: m["slos"][0].pop("threshold_ms"), ("slos", "`threshold_ms`")),
    "a freshness objective without an age": (
        lambda m: m.update(slos=[{"sli": "freshness", "objective": 0.9}]), ("slos", "`max_age`")
    ),
    "an objective of more than all": (lambda m: m["slos"][1].update(objective=99), ("objective", "less than 1")),
    "a check of no name": (lambda m: m["thresholds"][0].update(check="drfit"), ("'drfit'", "drift.feature")),
    "a threshold that is no number": (lambda m: m["thresholds"][0].update(warning="low"), ("warning", "number")),
}  # fmt: skip


@pytest.mark.parametrize("story", WRONG)
def test_what_is_wrong_is_named_with_its_model_and_field(story: str) -> None:
    change, words = WRONG[story]
    document = design()
    change(document["models"][0])
    with pytest.raises(FleetError) as caught:
        parse(document, "fleet.yaml")
    for word in ("fleet.yaml", *words):
        assert word in caught.value.sentence, caught.value.sentence


def test_two_models_of_one_key_are_refused() -> None:
    document = design()
    document["models"] *= 2
    with pytest.raises(FleetError, match="used twice: arrival-delay-risk"):
        parse(document, "fleet.yaml")


def test_the_example_of_the_design_is_a_fleet() -> None:
    (model,) = parse(design(), "fleet.yaml").models
    assert isinstance(model.reference, ReferenceWindow)
    assert model.reference.start == datetime(2013, 3, 1, tzinfo=UTC)
    assert model.reference.end == datetime(2013, 4, 1, tzinfo=UTC), "a bare date as the end means the whole of that day"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    monkeypatch.setenv("LEEWAY_HOME", str(tmp_path))
    return tmp_path


def apply(folder: Path, document: dict[str, Any], *options: str) -> int:
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return main(["apply", str(path), *options])


def test_export_gives_back_what_was_applied(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = copy.deepcopy(design()["models"][0]) | {"key": "b", "name": "Zürich → Oslo", "chunk": {"rows": 500}}
    second["reference"] = {"rows": 1000}
    document = {"models": [*design()["models"], second]}
    assert apply(database, document) == 0
    assert "arrival-delay-risk: added" in capsys.readouterr().out
    assert main(["export"]) == 0
    exported = capsys.readouterr().out
    assert yaml.safe_load(exported) == {"models": fleets.documents(document)}
    (database / "again.yaml").write_text(exported)
    assert main(["apply", str(database / "again.yaml")]) == 0
    assert capsys.readouterr().out == "arrival-delay-risk: unchanged\nb: unchanged\n"


def test_apply_changes_what_differs_and_prunes_only_when_told(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = design()
    other["models"][0] |= {"key": "other"}
    apply(database, design())
    assert apply(database, other) == 0
    main(["export"])
    assert "arrival-delay-risk" in capsys.readouterr().out
    changed = other["models"][0] | {"owner": "somebody else"}
    assert apply(database, {"models": [changed]}, "--prune") == 0
    assert capsys.readouterr().out == "other: changed\narrival-delay-risk: removed\n"


def test_a_file_with_a_mistake_changes_nothing(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(database, design())
    document = design()
    document["models"] += [{"key": "broken"}]
    document["models"][0]["owner"] = "somebody else"
    assert apply(database, document) == 2
    capsys.readouterr()
    main(["export"])
    assert yaml.safe_load(capsys.readouterr().out) == {"models": fleets.documents(design())}


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    objective=st.floats(0.5, 0.9999),
    features=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8), max_size=4),
)
def test_any_text_survives_dump_and_load(name: str, objective: float, features: list[str]) -> None:
    document = design()["models"][0]
    document["name"], document["slos"][1]["objective"] = name, objective
    document["predictions"]["columns"]["features"] = features
    (wanted,) = fleets.documents({"models": [document]})
    assert yaml.safe_load(fleets.dump([wanted])) == {"models": [wanted]}
    parse({"models": [wanted]}, "a test")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann:s3:cr/et@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert hidden(url) == shown


def test_a_url_takes_its_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_PASSWORD", "secret")
    assert expand("postgresql://ann:${LOG_PASSWORD}@host/db") == "postgresql://ann:secret@host/db"
    with pytest.raises(FleetError, match="NO_SUCH_NAME is not set"):
        expand("postgresql://ann:${NO_SUCH_NAME}@host/db")
