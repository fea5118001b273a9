"""Fleet-wide rules, and every change of thresholds as a revision that can be undone; by file and by command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, insert, select

from monitoring import fleet
from monitoring.__main__ import main
from monitoring.backtest import Proposal, back_test
from monitoring.cli import backtest_report
from monitoring.core.alerting.signal import Subject
from monitoring.core.alerting.waits import stated
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.errors import FleetError, LeewayError
from monitoring.fleet.thresholds import with_own
from monitoring.store import edits, models, revisions, rules, verdicts
from monitoring.store.database import connect, reading, transaction
from monitoring.store.queries.fleet import judged_check
from monitoring.store.tables import AuditRow, TeamRow
from monitoring.verdicts.subject import narrowest

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def model(key: str = "eta", **more: Any) -> dict[str, Any]:
    columns = {"timestamp": "at", "prediction": "eta"}
    log = {"source": "csv", "location": "log.csv", "columns": columns}
    return {"key": key, "task": "regression", "predictions": log} | more


RULE = {"key": "drift-of-ops", "matchers": {"owner": "ops"}, "check": "drift", "breached": 0.4}
OWN = {"check": "drift", "breached": 0.3}

RESOLUTION: dict[str, tuple[dict[str, Any], list[dict[str, Any]], tuple[float | None, str]]] = {
    "the default, where nobody says anything": ({}, [], (None, "")),
    "a rule that fits": ({"owner": "ops"}, [RULE], (0.4, "drift-of-ops")),
    "no rule of another owner": ({"owner": "taxi"}, [RULE], (None, "")),
    "an own value before a rule": ({"owner": "ops", "thresholds": [OWN]}, [RULE], (0.3, "")),
    "of two rules the later": ({"owner": "ops"}, [RULE, RULE | {"key": "b", "breached": 0.6}], (0.6, "b")),
    "a rule of every model": ({}, [{"key": "all", "check": "drift", "breached": 0.7}], (0.7, "all")),
    "one of several values": (
        {"mode": "batch"}, [RULE | {"matchers": {"mode": ["streaming", "batch"]}}], (0.4, "drift-of-ops"),
    ),
    "a tag": ({"tags": ["tier-1", "eu"]}, [RULE | {"matchers": {"tag": "eu"}}], (0.4, "drift-of-ops")),
    "every matcher must fit": (
        {"owner": "ops", "mode": "batch"}, [RULE | {"matchers": {"owner": "ops", "mode": "online"}}], (None, ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", RESOLUTION)
def test_what_a_check_is_held_against(story: str) -> None:
    change, of_fleet, (breached, rule) = RESOLUTION[story]
    watched = fleet.parse({"models": [model(**change)], "rules": of_fleet}, "a test")
    found = narrowest(watched.models[0].under(watched.rules).thresholds, "drift")
    assert (found.breached if found else None, found.rule if found else "") == (breached, rule)


def test_an_own_value_of_one_column_leaves_the_rule_for_the_others() -> None:
    own = {"check": "quality.missing", "column": "wind", "breached": 0.5}
    rule = {"key": "r", "check": "quality.missing", "breached": 0.1}
    watched = fleet.parse({"models": [model(thresholds=[own])], "rules": [rule]}, "a test")
    held = watched.models[0].under(watched.rules).thresholds
    of_wind, of_load = (narrowest(held, "quality.missing", column) for column in ("wind", "load"))
    assert of_wind is not None and of_wind.breached == 0.5
    assert of_load is not None and (of_load.breached, of_load.rule) == (0.1, "r")
    narrow = fleet.parse(
        {"models": [model(thresholds=[own | {"column": None}])], "rules": [rule | {"column": "load"}]}, "x"
    )
    assert [t.rule for t in narrow.models[0].under(narrow.rules).thresholds] == [""]


HOUR = timedelta(hours=1)
WAITS_OF: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], Subject, tuple[Any, Any]]] = {
    "nothing, where nobody says anything": ([OWN], [], Subject("eta", "drift"), (None, None)),
    "an own one": ([{"check": "drift", "for": "2h"}], [], Subject("eta", "drift"), (2 * HOUR, None)),
    "of another check": ([{"check": "drift", "for": "2h"}], [], Subject("eta", "drift.label"), (None, None)),
    "a rule's": ([], [RULE | {"for": "1h", "keep_firing_for": "1d"}], Subject("eta", "drift"), (HOUR, 24 * HOUR)),
    "each by itself, the own before the rule's": (
        [{"check": "drift", "for": "0s"}], [RULE | {"for": "1h", "keep_firing_for": "1d"}], Subject("eta", "drift"),
        (timedelta(), 24 * HOUR),
    ),
    "the narrowest": (
        [{"check": "quality.missing", "for": "3h"}, {"check": "quality.missing", "column": "wind", "for": "5h"}], [],
        Subject("eta", "quality.missing", "wind"), (5 * HOUR, None),
    ),
    "of a slice": (
        [{"check": "performance.mae", "for": "3h"}, {"check": "performance.mae", "slice": "o=EWR", "for": "5h"}], [],
        Subject("eta", "performance.mae", slice="o=EWR"), (5 * HOUR, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", WAITS_OF)
def test_how_long_an_alert_waits(story: str) -> None:
    own, of_fleet, subject, expected = WAITS_OF[story]
    watched = fleet.parse({"models": [model(owner="ops", thresholds=own)], "rules": of_fleet}, "a test")
    assert stated(subject, watched.models[0].under(watched.rules).waits) == expected


def test_waiting_changes_no_verdict() -> None:
    own = [{"check": "performance.mae", "for": "2h"}, {"check": "drift", "for": "1h"}]
    rule = RULE | {"keep_firing_for": "1d"}
    watched = fleet.parse({"models": [model(owner="ops", thresholds=own)], "rules": [rule]}, "a test")
    held = watched.models[0].under(watched.rules).thresholds
    assert [(t.check, t.breached, t.rule, t.waits) for t in held] == [("drift", 0.4, "drift-of-ops", None)]
    asked = fleet.parse({"models": [model(thresholds=[{"check": "drift.multivariate", "for": "2h"}])]}, "a test")
    assert [t.check for t in asked.models[0].under(()).thresholds] == ["drift.multivariate"], "it is still asked for"
    alone = fleet.parse({"rules": [{"key": "a", "check": "drift", "for": "2h"}]}, "a test")
    assert watched.models[0].under(alone.rules).thresholds == ()


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ({"check": "drift", "for": "soon"}, "write how long as 90s, 30m, 2h or 1d, 30d at most, not 'soon'"),
        ({"check": "drift", "keep_firing_for": "31d"}, "30d at most"),
        ({"check": "drift", "for": 5}, "not 5"),
        ({"check": "drift.feature", "for": "1h"}, "drift.feature alerts nobody"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_wait_is_said(threshold: dict[str, Any], words: str) -> None:
    for section in ({"models": [model(thresholds=[threshold])]}, {"rules": [{"key": "a"} | threshold]}):
        with pytest.raises(FleetError) as caught:
            fleet.parse(section, "a test")
        assert words in caught.value.sentence


def test_a_rule_on_a_metric_passes_over_models_of_another_task() -> None:
    rule = {"key": "auc", "check": "performance.roc_auc", "breached": 0.7}
    watched = fleet.parse({"models": [model()], "rules": [rule]}, "a test")
    assert not watched.models[0].under(watched.rules).thresholds


WRONG = {
    "a rule that says nothing": ({"key": "r", "check": "drift"}, "something to say"),
    "a matcher of no meaning": (RULE | {"matchers": {"colour": "red"}}, "matchers"),
    "a matcher without a value": (RULE | {"matchers": {"owner": []}}, "matchers"),
    "a metric of no task": ({"key": "r", "check": "performance.mood", "breached": 1}, "'mood'"),
    "a slice": (RULE | {"slice": "origin=EWR"}, "no such field"),
}


@pytest.mark.parametrize("story", WRONG)
def test_what_is_wrong_with_a_rule_is_named(story: str) -> None:
    document, words = WRONG[story]
    with pytest.raises(FleetError) as caught:
        fleet.parse({"rules": [document]}, "fleet.yaml")
    assert words in caught.value.sentence
    assert f"rule {document['key']}" in caught.value.sentence


def test_a_budget_of_the_fleet_stands_beside_the_levels_of_a_model() -> None:
    (written,) = fleet.documents({"models": [model(thresholds=[dict(OWN)])], "false_alarms_per_quarter": 4})
    assert written["thresholds"] == [OWN | {"false_alarms_per_quarter": 4.0}]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **sections: Any) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path


def exported(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["export"]) == 0
    return dict(yaml.safe_load(capsys.readouterr().out))


def test_what_was_applied_is_exported_and_each_change_is_a_revision(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = {"models": [model(owner="ops", thresholds=[OWN])], "rules": [RULE]}
    assert main(["apply", str(write(home, **sections))]) == 0
    assert "rule drift-of-ops: added" in capsys.readouterr().out
    assert exported(capsys) == sections
    assert main(["apply", str(write(home, **sections))]) == 0
    assert "rule drift-of-ops: unchanged" in capsys.readouterr().out
    changed = {"models": [model(owner="ops")], "rules": [RULE | {"breached": 0.9}]}
    assert main(["apply", str(write(home, **changed))]) == 0
    assert exported(capsys) == changed
    with reading(connect(f"sqlite:///{home / 'leeway.db'}")) as session:
        found = [
            (r.kind, r.name, r.number, list(r.before), list(r.after))
            for r in revisions.history(session, revisions.THRESHOLDS)
        ]
        assert {r.reason for r in revisions.history(session, revisions.THRESHOLDS)} == {"Applied from fleet.yaml."}
        actions = list(session.scalars(select(AuditRow.action).where(AuditRow.action == "thresholds changed")))
    assert sorted(found) == [
        ("model", "eta", 1, [], [OWN]), ("model", "eta", 2, [OWN], []),
        ("rule", "drift-of-ops", 1, [], [RULE]), ("rule", "drift-of-ops", 2, [RULE], [RULE | {"breached": 0.9}]),
    ]  # fmt: skip
    assert len(actions) == 4
    assert main(["apply", "--prune", str(write(home, models=[model()], rules=[]))]) == 0
    assert "rule drift-of-ops: removed" in capsys.readouterr().out
    assert "rules" not in exported(capsys)


@pytest.fixture
def store(store: Engine, tmp_path: Path) -> Engine:
    """With two models and a rule."""
    with transaction(store) as session:
        models.apply(session, [model(owner="ops"), model("fare")], tmp_path, "ada", NOW)
        rules.apply(session, [RULE], "ada", NOW, "half is too late")
    return store


def written(store: Engine, kind: Any = "model", name: str = "eta") -> list[dict[str, Any]]:
    with reading(store) as session:
        return edits.written(session, kind, name)


def changed(store: Engine, before: list[Any], after: list[Any], kind: Any = "model", name: str = "eta") -> None:
    with transaction(store) as session:
        edits.change(session, kind, name, before, after, "bo", NOW, "too noisy")


def test_an_undone_change_is_a_new_revision_and_takes_later_ones_with_it(store: Engine) -> None:
    other = OWN | {"breached": 0.8}
    changed(store, [], [OWN])
    changed(store, [OWN], [other])
    with transaction(store) as session:
        edits.undo(session, "model", "eta", 2, "cy", NOW, "it hid one")
    assert written(store) == [OWN]
    with transaction(store) as session:
        edits.undo(session, "model", "eta", 1, "cy", NOW, "back to the rule")
    assert written(store) == []
    with reading(store) as session:
        found = [(r.number, r.author, r.undoes) for r in revisions.history(session, ("model",), "eta")]
        assert models.watched(session, "eta")[0].model.thresholds[0].rule == "drift-of-ops"
    assert found == [(4, "cy", 1), (3, "cy", 2), (2, "bo", None), (1, "bo", None)]
    with pytest.raises(edits.EditError, match="as it was"), transaction(store) as session:
        edits.undo(session, "model", "eta", 1, "cy", NOW, "again")


def test_a_rule_that_was_taken_away_comes_back(store: Engine) -> None:
    changed(store, [RULE], [], "rule", "drift-of-ops")
    assert written(store, "rule", "drift-of-ops") == []
    with transaction(store) as session:
        edits.undo(session, "rule", "drift-of-ops", 2, "cy", NOW, "we need it")
    assert written(store, "rule", "drift-of-ops") == [RULE]


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(store: Engine) -> None:
    changed(store, [], [OWN])
    with pytest.raises(edits.EditError, match="changed meanwhile by bo: too noisy"):
        changed(store, [], [OWN | {"breached": 0.8}])
    assert written(store) == [OWN]


@pytest.mark.parametrize(
    ("after", "reason", "words"),
    [([OWN], " ", "reason"), ([{"check": "drfit"}], "typed", "'drfit'"), ([OWN | {"breached": "x"}], "y", "number")],
)
def test_a_change_needs_a_reason_and_must_be_one(store: Engine, after: list[Any], reason: str, words: str) -> None:
    with pytest.raises(LeewayError, match=words), transaction(store) as session:
        edits.change(session, "model", "eta", [], after, "bo", NOW, reason)
    assert written(store) == []


def drifting(store: Engine, key: str, script: str) -> None:
    """A verdict on drift a day, up to yesterday: ! is half of the features, . none."""
    start = NOW.replace(hour=0) - timedelta(days=len(script))
    found = [
        Verdict(
            key, "drift", Window(start + timedelta(days=at), start + timedelta(days=at + 1), 100),
            Status.BREACHED if sign == "!" else Status.OK, "", value=0.5 if sign == "!" else 0.0, threshold=0.5,
            warning=0.25, breached=0.4 if key == "eta" else 0.5, automatic=key != "eta", method="share_of_features",
        )
        for at, sign in enumerate(script)
    ]  # fmt: skip
    with transaction(store) as session:
        verdicts.save(session, {"eta": 1, "fare": 2}[key], found, NOW)


def test_a_change_of_a_rule_is_looked_back_on_over_its_models_alone(store: Engine) -> None:
    drifting(store, "eta", "..!!....!...")
    drifting(store, "fare", "!!!!!!!!!!!!")
    with transaction(store) as session:
        session.execute(
            insert(TeamRow).values(key="ops", document={"key": "ops", "zone": "Asia/Tokyo"}, updated_at=NOW)
        )
    with reading(store) as session:
        higher = fleet.parse_rule(RULE | {"breached": 0.6}, "a test")
        found = back_test(session, Proposal(rules=(higher,)), 30, NOW)
        gone = back_test(session, Proposal(models={"fare": [OWN | {"breached": 0.9}]}), 5, NOW)
        nothing = back_test(session, Proposal(rules=tuple(rules.rules(session))), 30, NOW)
    (eta,) = found.models
    assert (eta.model, eta.zone) == ("eta", "Asia/Tokyo")
    assert (found.before.opened, found.after.opened) == (2, 0)
    assert found.before.in_alert == timedelta(days=3)
    (fare,) = gone.models
    assert (fare.before.tally.opened, fare.before.tally.in_alert) == (0, timedelta(days=5))
    assert fare.after.tally.in_alert == timedelta()
    assert nothing.models == () and nothing.before.opened == 0


def test_a_wait_is_looked_back_on(store: Engine) -> None:
    drifting(store, "eta", "..!..!!!..")
    own = [{"check": "drift", "for": "36h", "keep_firing_for": "2d"}]
    with reading(store) as session:
        (found,) = back_test(session, Proposal({"eta": own}), 30, NOW).models
    assert (found.before.tally.opened, found.after.tally.opened) == (2, 1)
    assert found.before.tally.breached == found.after.tally.breached == 4, "no verdict is another"
    assert found.after.alerts[-1].wait == timedelta(hours=36)


def test_a_log_cut_by_rows_and_one_never_judged_are_left_out_with_the_reason(store: Engine, tmp_path: Path) -> None:
    by_rows = model("rows", chunk={"rows": 500})
    with transaction(store) as session:
        models.apply(session, [by_rows], tmp_path, "ada", NOW)
    with reading(store) as session:
        found = back_test(session, Proposal(models={"rows": [OWN], "fare": [OWN]}), 30, NOW)
    assert "no real time" in found.skipped["rows"]
    assert "no verdict" in found.skipped["fare"]


def test_the_command_says_the_same_as_text_and_as_json(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.cli.terminal.now", lambda: NOW)
    assert main(["apply", str(write(home, models=[model(owner="ops"), model("fare")], rules=[RULE]))]) == 0
    drifting(connect(f"sqlite:///{home / 'leeway.db'}"), "eta", "..!!....!...")
    capsys.readouterr()
    command = ["backtest", "--model", "eta", "--check", "drift", "--breached", "0.6", "--days", "30"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert [line.split() for line in text.splitlines() if line.startswith("alerts")] == [["alerts", "opened", "2", "0"]]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["before"]["opened"], said["after"]["opened"]) == (2, 0)
    assert [one["model"] for one in said["models"]] == ["eta"]
    file = home / "proposed.yaml"
    file.write_text(yaml.safe_dump({"rules": [RULE | {"breached": 0.6}]}))
    assert main(["backtest", "--rules", str(file), "--days", "30", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["after"]["opened"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "what to change"),
        (["--model", "eta", "--check", "drift"], "what to change"),
        (["--model", "etta", "--check", "drift", "--breached", "1"], "no model is called 'etta'"),
        (["--model", "eta", "--check", "drfit", "--breached", "1"], "'drfit'"),
        (["--model", "eta", "--check", "drift", "--breached", "1", "--zone", "Mars/Base"], "Mars/Base"),
        (["--model", "eta", "--check", "drift", "--breached", "1", "--days", "0"], "one day"),
        (["--rules", "gone.yaml"], "cannot be read"),
    ],
)
def test_the_command_says_what_is_wrong(
    home: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["apply", str(write(home, models=[model()]))]) == 0
    assert main(["backtest", *options]) == 2
    assert words in capsys.readouterr().err


def test_a_threshold_is_put_in_the_place_of_the_one_before() -> None:
    about = {"check": "drift.feature", "column": "wind"}
    others = [OWN, {"check": "drift.feature", "slice": "origin=EWR", "column": "wind", "breached": 9}]
    first = with_own(others, about, {"breached": 0.1})
    assert first == [*others, about | {"breached": 0.1}]
    kept = [about | {"method": "psi", "breached": 0.1}, *others]
    assert with_own(kept, about, {"warning": 0.2}) == [about | {"method": "psi", "warning": 0.2}, *others]
    assert with_own(kept, about, None) == others
    assert with_own([], about, None) == []


def test_nothing_is_said_of_useful_alerts_where_nobody_said_anything(store: Engine) -> None:
    drifting(store, "eta", "..!!..")
    with reading(store) as session:
        found = back_test(session, Proposal(models={"eta": [OWN]}), 30, NOW)
    assert not any("useful" in line or "noise" in line for line in backtest_report.lines(found))


SHOWN: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "its task's, where nobody says anything": ([], [], "mae"),
    "that of a rule": ([RULE | {"check": "performance.rmse"}], [], "rmse"),
    "its own, whatever a rule says": (
        [RULE | {"check": "performance.rmse"}],
        [OWN | {"check": "performance.bias"}],
        "bias",
    ),
    "none of a rule of another owner": ([RULE | {"check": "performance.rmse", "matchers": {"owner": "x"}}], [], "mae"),
}


@pytest.mark.parametrize("story", SHOWN)
def test_the_fleet_page_shows_the_metric_that_verdicts_are_about(story: str) -> None:
    stated, own, shown = SHOWN[story]
    found = fleet.parse({"models": [model(owner="ops", thresholds=own)], "rules": stated}, "a test")
    written = model(owner="ops", thresholds=own)
    assert judged_check("regression", written, found.rules) == f"performance.{shown}"
    assert found.models[0].under(found.rules).main_metric == shown
