"""Objectives changed as code and by a person, each change a revision; and what a change would have done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine, select

from monitoring import alerting, fleet
from monitoring.__main__ import main
from monitoring.core.alerting.severity import Severity
from monitoring.core.verdict import Verdict
from monitoring.errors import FleetError, LeewayError
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import Slo
from monitoring.lookback import look_back_on
from monitoring.settings import Settings
from monitoring.store import alerts, edits, models, revisions
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries.objectives import objective
from monitoring.store.queries.verdicts import newest
from monitoring.store.tables import AuditRow, ModelRow
from tests.logs_of import START, binary_model, fleet_of, regression, write

DAYS = 12
NOW = START + timedelta(days=DAYS)
FAST = {"sli": "latency", "threshold_ms": 50, "objective": 0.95, "period": "7d"}
SLOW = {"sli": "latency", "threshold_ms": 100, "objective": 0.99, "period": "7d"}
UP = {"sli": "availability", "objective": 0.95, "period": "7d"}
RIGHT = {"sli": "quality", "objective": 0.75, "tolerance": 10, "period": "7d"}
FRESH = {"sli": "freshness", "max_age": "4h", "objective": 0.99}


def log() -> pd.DataFrame:
    """An outage of three hours of a night, slow answers for six hours of the next day, a gap of three hours, and times
    that are wrong from the last day but one on. Labels come one to six hours after."""
    found = regression(DAYS, per_hour=24, decay_after=DAYS - 2)
    at = pd.Timestamp(NOW)
    found["status"], found["latency"] = "ok", 10.0
    found.loc[(found.ts >= at - pd.Timedelta("49h")) & (found.ts < at - pd.Timedelta("46h")), "status"] = "error"
    found.loc[(found.ts >= at - pd.Timedelta("18h")) & (found.ts < at - pd.Timedelta("12h")), "latency"] = 70.0
    found = found[(found.ts < at - pd.Timedelta("30h")) | (found.ts >= at - pd.Timedelta("27h"))]
    seen = found.ts + pd.to_timedelta(np.random.default_rng(3).uniform(1, 6, len(found)), unit="h")
    return found.assign(observed_at=seen.where(seen < at), actual=found.actual.where(seen < at))


def document(place: dict[str, Any], *slos: dict[str, Any], **more: Any) -> dict[str, Any]:
    columns = {
        "id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "observed_at": "observed_at",
        "latency_ms": "latency", "status": "status", "features": ["distance"],
    }  # fmt: skip
    out = binary_model(place, key="eta", owner="ops", task="regression", slos=list(slos))
    out["predictions"]["columns"] = columns
    short = {"from": "2026-03-02 00:00", "to": "2026-03-02 06:00"}  # too short for estimates, which take long
    return {**out, "reference": short, **more}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was evaluated, and whose log is gone: what is told comes from summaries."""
    folder = tmp_path_factory.mktemp("home")
    place = write(log(), "parquet", folder, "log")
    path = fleet_of(folder, document(place, FAST, SLOW, UP, RIGHT, FRESH))
    store = connect(f"sqlite:///{folder / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(path), folder, "tests", NOW, "Applied.")
    judge(store)
    (folder / "log.parquet").rename(folder / "gone.parquet")
    store.dispose()
    return folder


@pytest.fixture
def store(home: Path, tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "leeway.db").write_bytes((home / "leeway.db").read_bytes())
    engine = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    yield engine
    engine.dispose()


def judge(store: Engine) -> list[Verdict]:
    with reading(store) as session:
        watched = models.watched(session)[0]
    return evaluate(store, watched, Scope(now=NOW, diagnosed=False), lambda: NOW, lambda share, words: None)


def written(store: Engine) -> list[dict[str, Any]]:
    with reading(store) as session:
        return edits.written(session, "objectives", "eta")


def changed(store: Engine, before: list[Any], after: list[Any], reason: str = "they asked for it") -> None:
    with transaction(store) as session:
        edits.change(session, "objectives", "eta", before, after, "bo", NOW, reason)


def test_an_objective_is_added_changed_taken_away_and_each_is_taken_back(store: Engine) -> None:
    all_ = written(store)
    steps = [[*all_, UP | {"objective": 0.9}], [*all_, UP | {"objective": 0.8}], all_[:2], []]
    for before, after in zip([all_, *steps], steps, strict=False):
        changed(store, before, after)
        assert written(store) == after
    with reading(store) as session:
        found = [(r.number, r.author, list(r.after)) for r in revisions.history(session, revisions.OBJECTIVES, "eta")]
        assert session.scalar(select(ModelRow.document))["key"] == "eta"  # type: ignore[index]
        lines = list(session.scalars(select(AuditRow.action).where(AuditRow.action.startswith("objectives"))))
    assert found[:-1] == [(n + 2, "bo", step) for n, step in reversed(list(enumerate(steps)))]
    assert found[-1] == (1, "tests", all_)
    assert lines == ["objectives changed"] * 5
    with transaction(store) as session:
        edits.undo(session, "objectives", "eta", 4, "cy", NOW, "too hasty")
    assert written(store) == steps[1]
    with reading(store) as session:
        newest = revisions.history(session, revisions.OBJECTIVES, "eta")[0]
        assert not [r for r in revisions.history(session, revisions.THRESHOLDS) if r.kind == "objectives"]
    assert (newest.number, newest.author, newest.undoes, newest.reason) == (6, "cy", 4, "too hasty")


WRONG = {
    "no reason": ([UP], " ", "reason"),
    "the same twice": ([UP, UP], "because", "two objectives are the same: availability-95-7d; take one away"),
    "a latency without its threshold": ([{"sli": "latency", "objective": 0.9}], "because", "needs `threshold_ms`"),
    "an age that is none": ([FRESH | {"max_age": "4 hours"}], "because", "no span of time such as 30m, 4h or 2d"),
    "an age of nothing": ([FRESH | {"max_age": "0h"}], "because", "longer than nothing"),
    "a regression without a tolerance": ([{"sli": "quality", "objective": 0.9}], "because", "needs `tolerance`"),
    "a share of all": ([UP | {"objective": 1.0}], "because", "less than 1"),
}


@pytest.mark.parametrize("story", WRONG)
def test_what_is_wrong_with_a_change_is_said_and_nothing_is_changed(store: Engine, story: str) -> None:
    after, reason, words = WRONG[story]
    before = written(store)
    with pytest.raises(LeewayError) as caught:
        changed(store, before, after, reason)
    assert words in caught.value.sentence
    assert written(store) == before


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(store: Engine) -> None:
    seen = written(store)
    changed(store, seen, seen[:1])
    with pytest.raises(edits.EditError, match="objectives of eta: was changed meanwhile by bo: they asked for it"):
        changed(store, seen, [])
    assert written(store) == seen[:1]


def test_as_code_they_go_in_and_out_the_same_and_leave_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    file = tmp_path / "fleet.yaml"
    for slos in ([FAST, SLOW, RIGHT], [FAST, UP]):
        sections = {"models": [document({"source": "csv", "location": "log.csv"}, *slos)]}
        file.write_text(yaml.safe_dump(sections, sort_keys=False))
        assert main(["apply", str(file)]) == 0
        capsys.readouterr()
        assert main(["export"]) == 0
        assert yaml.safe_load(capsys.readouterr().out) == sections
    assert main(["slo", "export"]) == 0
    (tmp_path / "slos.yaml").write_text(capsys.readouterr().out.replace("target: 0.95", "target: 0.9"))
    assert main(["slo", "import", str(tmp_path / "slos.yaml")]) == 0
    with reading(connect(f"sqlite:///{tmp_path / 'leeway.db'}")) as session:
        found = [(list(r.after), r.reason) for r in revisions.history(session, revisions.OBJECTIVES)]
    assert found == [
        ([FAST | {"objective": 0.9, "threshold_ms": 50.0}, UP | {"objective": 0.9}], "Imported from slos.yaml."),
        ([FAST, UP], "Applied from fleet.yaml."),
        ([FAST, SLOW, RIGHT], "Applied from fleet.yaml."),
    ]


def test_two_objectives_of_one_kind_have_verdicts_of_their_own(home: Path, store: Engine) -> None:
    (home / "gone.parquet").rename(home / "log.parquet")
    try:
        changed(store, written(store), [FAST, SLOW, UP])
        found = [v for v in judge(store) if v.check.startswith("slo.")]
    finally:
        (home / "log.parquet").rename(home / "gone.parquet")
    assert {(v.check, v.column) for v in found} == {
        ("slo.latency", "latency-50ms-95-7d"), ("slo.latency", "latency-100ms-99-7d"), 
        ("slo.availability", "availability-95-7d"),
    }  # fmt: skip
    budgets = {v.column: v for v in found if v.check == "slo.latency" and v.method == "budget"}
    assert "within 50 ms" in budgets["latency-50ms-95-7d"].reason
    assert budgets["latency-50ms-95-7d"].value != budgets["latency-100ms-99-7d"].value == 1.0
    burn = next(v for v in found if v.column == "latency-50ms-95-7d" and v.method == "burn 1d/2h")
    assert burn.reason.startswith("Latency (within 50 ms, 95 % over 7d) is burning")


def test_another_objective_of_a_kind_leaves_the_first_its_name_and_its_alert(home: Path, store: Engine) -> None:
    (home / "gone.parquet").rename(home / "log.parquet")
    try:
        names, strict = [], FAST | {"objective": 0.999}
        for slos in ([strict], [SLOW, strict]):
            changed(store, written(store), slos)
            judge(store)
            alerting.step(store, NOW, Settings(), ["eta"])
            with reading(store) as session:
                names.append({a.key for a in alerts.open_ones(session) if a.subject.column == "latency-50ms-99_9-7d"})
    finally:
        (home / "log.parquet").rename(home / "gone.parquet")
    assert names[0] and names[0] == names[1]


def looked(store: Engine, before: dict[str, Any] | None, after: dict[str, Any] | None, days: int = 5) -> Any:
    slos = [None if one is None else Slo.model_validate(one) for one in (before, after)]
    with reading(store) as session:
        return look_back_on(session, "eta", slos[0], slos[1], days, NOW)


def counts(side: Any, since: datetime) -> tuple[int, int] | None:
    return None if side is None else tuple(side.opened(s, since) for s in (Severity.PAGE, Severity.TICKET))  # type: ignore[return-value]


Opened = tuple[int, int] | None
STORIES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, Opened, Opened]] = {
    "a threshold above the slow answers raises nothing": (FAST, FAST | {"threshold_ms": 100}, (1, 1), (0, 0)),
    "a new objective is compared with nothing": (None, FAST, None, (1, 1)),
    "one that is taken away leaves nothing": (FAST, None, (1, 1), None),
    "a stricter objective has its budget spent": (UP, UP | {"objective": 0.999}, (1, 1), (1, 2)),
    "a gap of three hours misses a deadline of two": (FRESH, FRESH | {"max_age": "2h"}, (0, 0), (1, 0)),
    "quality opens tickets and no page": (RIGHT, RIGHT | {"tolerance": 60}, (0, 3), (0, 0)),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_a_change_would_have_done_is_told_without_the_log(store: Engine, story: str) -> None:
    before, after, was, now = STORIES[story]
    found = looked(store, before, after)
    assert not found.why
    assert (counts(found.before, found.period.start), counts(found.after, found.period.start)) == (was, now)


def test_the_budget_is_that_of_the_verdicts(store: Engine) -> None:
    """As it is, the look-back ends where the newest verdicts are."""
    with reading(store) as session:
        stored = {(v.check, v.column): v for v in newest(session, "eta") if v.method == "budget"}
    slos = [Slo.model_validate(one) for one in (FAST, SLOW, UP, RIGHT)]
    for slo, one in zip(slos, (FAST, SLOW, UP, RIGHT), strict=True):
        verdict = stored[f"slo.{slo.sli}", slo.slug]
        left = 1 - (1 - verdict.value) / (1 - slo.objective)  # type: ignore[operator]
        assert looked(store, one, None).before.left_at_end == pytest.approx(left), slo.slug


def test_labels_that_come_late_are_heard_late(store: Engine) -> None:
    """What goes wrong from the last day but one on is known when its labels are, hours after."""
    found = looked(store, None, RIGHT)
    soonest = min(a.fired_at for a in found.after.alerts)
    assert timedelta(hours=6) <= soonest - (NOW - timedelta(days=2)) <= timedelta(hours=9)
    ends = pd.to_datetime(found.after.moments)
    assert (ends[1:] - ends[:-1]).unique().tolist() == [pd.Timedelta("1h")], "outcomes are kept by the hour"


def test_another_limit_than_the_log_is_counted_at_is_said(store: Engine) -> None:
    (note,) = looked(store, FAST, FAST | {"threshold_ms": 51}, days=3).notes
    assert note == "Counted at 50 ms until the model is re-baselined: within 51 ms, 95 % over 7d."


def test_a_log_that_is_younger_than_the_days_is_said(store: Engine) -> None:
    assert looked(store, UP, None, days=30).notes == ("The log begins on 2026-03-02: 12 days are known.",)


UNTOLD = {
    "no status": ({"status": None}, {}, UP, "the log has no `status` mapped"),
    "no latency": ({"latency_ms": None}, {}, FAST, "the log has no `latency_ms` mapped"),
    "no real time": ({}, {"chunk": {"rows": 500}, "reference": {"rows": 500}}, UP, "no real time"),
}


@pytest.mark.parametrize("story", UNTOLD)
def test_what_cannot_be_told_is_said(store: Engine, story: str) -> None:
    columns, more, slo, words = UNTOLD[story]
    with transaction(store) as session:
        row = session.scalars(select(ModelRow)).one()
        mapped = {**row.document["predictions"]["columns"], **columns}
        row.document = {**row.document, **more, "predictions": {**row.document["predictions"], "columns": mapped}}
    found = looked(store, None, slo)
    assert words in found.why and found.after is None


def test_before_the_first_evaluation_nothing_is_counted(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(engine)
    with transaction(engine) as session:
        models.apply(session, [document({"source": "csv", "location": "log.csv"})], tmp_path, "tests", NOW)
    assert "not been evaluated yet" in looked(engine, None, UP).why
    with pytest.raises(FleetError, match="nobody"), reading(engine) as session:
        look_back_on(session, "nobody", None, None, 30, NOW)
    engine.dispose()


def test_the_verdict_says_what_is_settled_and_what_is_provisional(store: Engine) -> None:
    with reading(store) as session:
        verdict = next(v for v in newest(session, "eta") if (v.check, v.method) == ("slo.quality", "budget"))
        assert verdict.window.end is not None
        state = objective(
            session, "eta", "quality", 0.75, "7d", 10.0, NOW, NOW - timedelta(days=2), NOW, verdict.window.end
        )
    rows = log()
    later = rows[(rows.ts >= pd.Timestamp(verdict.window.end)) & (rows.ts < pd.Timestamp(NOW))]
    known = later[later.actual.notna()]
    right = (known.eta - known.actual).abs() <= 10
    words = f"Provisional since then: {len(known):,} of {len(later):,} predictions have their label so far"
    assert (
        f"Settled to {verdict.window.end:%Y-%m-%d %H:%M} UTC. {words}, {right.mean():.1%} of them good"
        in verdict.reason
    )
    assert state is not None and state.waits is not None
    assert (state.waits.predictions, state.waits.labelled, state.waits.bad) == (len(later), len(known), (~right).sum())
    assert f"counted as they stand, {state.waits.remaining:.0%} of the budget is left" in verdict.reason
    assert state.course["waiting"].notna().sum() >= 2 and state.course["left"].notna().sum() > 24


def test_freshness_counts_the_time_in_which_the_newest_prediction_was_too_old(store: Engine, home: Path) -> None:
    two = FRESH | {"max_age": "2h", "objective": 0.999, "period": "7d"}
    (home / "gone.parquet").rename(home / "log.parquet")
    try:
        changed(store, written(store), [two])
        found = {v.method: v for v in judge(store) if v.check == "slo.freshness"}
    finally:
        (home / "log.parquet").rename(home / "gone.parquet")
    assert set(found) == {"age_hours", "budget"}
    gap = log().ts.diff().max()
    late = round((gap - pd.Timedelta("2h")) / pd.Timedelta("5min"))
    slots = 7 * 24 * 12
    assert found["budget"].value == pytest.approx(1 - late / slots, abs=1.01 / slots)
    assert found["budget"].reason.startswith("The newest prediction was at most 2h old 99.")
    left = looked(store, two, None).before.left_at_end
    assert left == pytest.approx(1 - (1 - found["budget"].value) / 0.001)  # type: ignore[operator]
