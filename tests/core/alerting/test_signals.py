"""What verdicts alert, with which severity, and how a series of them is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitoring.core.alerting.signal import Condition, Signal, labels
from monitoring.core.alerting.signals import LONGEST, signals
from monitoring.core.verdict import Flag, Status, Verdict, Window
from tests.alerts_of import NOW

BEYOND, BETWEEN, CLEAR, UNKNOWN = Condition


def verdict(check: str, status: Status, day: int = 0, **more: Any) -> Verdict:
    """Of a day: 0 is yesterday, the newest that is over."""
    end = NOW.replace(hour=0) + timedelta(days=day)
    return Verdict("eta", check, Window(end - timedelta(days=1), end, 100), status, f"{check} is {status}.", **more)


def read(*verdicts: Verdict) -> dict[tuple[str, str], Signal]:
    return {(s.rule, s.subject.column): s for s in signals("eta", "Eta", "ops", verdicts, NOW)}


@pytest.mark.parametrize(
    ("v", "rule", "severity"),
    [
        (verdict("slo.availability", Status.BREACHED, method="burn 1h/5m", breached=14.4), "fast burn", "page"),
        (verdict("slo.latency", Status.BREACHED, method="burn 6h/30m", breached=6.0), "fast burn", "page"),
        (verdict("slo.latency", Status.WARNING, method="burn 3d/6h", warning=1.0), "slow burn", "ticket"),
        (verdict("slo.quality", Status.BREACHED, method="burn 1h/5m", breached=3.3), "fast burn", "ticket"),
        (verdict("slo.quality", Status.WARNING, method="burn 3d/6h", warning=1.0), "slow burn", "ticket"),
        (verdict("slo.latency", Status.BREACHED, method="budget", breached=0.99), "budget spent", "ticket"),
        (verdict("slo.freshness", Status.BREACHED, method="age_hours", breached=4.0), "missed deadline", "page"),
        (verdict("quality.volume", Status.NO_DATA), "log stopped", "page"),
        (verdict("quality.volume", Status.BREACHED), "volume", "ticket"),
        (verdict("quality.schema", Status.BREACHED), "schema broken", "page"),
        (verdict("quality.missing", Status.BREACHED, column="x"), "values missing", "page"),
        (verdict("quality.labels", Status.BREACHED, method="arrival"), "labels stopped", "page"),
        (verdict("model", Status.FAILED, flag=Flag.PAGE), "not evaluated", "page"),
        (verdict("model", Status.BREACHED, flag=Flag.RETRAIN), "needs retraining", "ticket"),
        (verdict("drift", Status.BREACHED), "drift", "ticket"),
        (verdict("drift.prediction", Status.BREACHED, method="ks"), "drift", "ticket"),
        (verdict("estimated.roc_auc", Status.BREACHED), "estimated performance", "ticket"),
    ],
)
def test_what_alerts_and_how_gravely(v: Verdict, rule: str, severity: str) -> None:
    beyond = [s for s in signals("eta", "Eta", "ops", [v], NOW) if s.condition == BEYOND]
    assert [(s.rule, str(s.severity)) for s in beyond] == [(rule, severity)]
    assert beyond[0].summary == v.reason and beyond[0].owner == "ops"


@pytest.mark.parametrize(
    "v",
    [
        verdict("drift.feature", Status.BREACHED, column="x", method="ks"),
        verdict("quality.range", Status.BREACHED, column="x"),
        verdict("quality.unseen", Status.BREACHED, column="x"),
        verdict("drift", Status.BREACHED, slice="origin=EWR"),
        verdict("drift.feature", Status.BREACHED, column="x", slice="origin=EWR"),
        verdict("estimated.roc_auc", Status.BREACHED, slice="origin=EWR"),
        verdict("quality.missing", Status.BREACHED, column="x", slice="origin=EWR"),
        verdict("performance.roc_auc", Status.BREACHED, version="2", threshold=0.6),
        verdict("drift", Status.BREACHED, provisional=True),
        verdict("drift", Status.WARNING),
        verdict("quality.volume", Status.NO_DATA, day=1),
        verdict("model", Status.FAILED, flag=Flag.WATCH),
        verdict("performance.roc_auc", Status.BREACHED, threshold=0.6),
    ],
    ids=lambda v: f"{v.check} {v.status} {v.slice or v.version or ''}",
)
def test_what_does_not(v: Verdict) -> None:
    assert [s.rule for s in signals("eta", "Eta", "ops", [v], NOW) if s.condition == BEYOND] == []


@pytest.mark.parametrize(
    ("sentence", "series", "condition"),
    [
        ("two of three breached", "BOB", BEYOND),
        ("the first and the last", "BOOB", BETWEEN),
        ("two in a row, older ones do not count", "BBOO", BETWEEN),
        ("none of three", "BBOOO", CLEAR),
        ("one, and the newest at warning level", "OBW", BETWEEN),
        ("the newest could not be judged", "OOI", UNKNOWN),
        ("two breached, though the newest could not be judged", "BBF", BEYOND),
    ],
)
def test_performance_must_be_breached_twice_of_three(sentence: str, series: str, condition: Condition) -> None:
    letters = {"B": Status.BREACHED, "W": Status.WARNING, "O": Status.OK, "F": Status.FAILED}
    letters["I"] = Status.INSUFFICIENT_DATA
    found = [
        verdict("performance.mae", letters[c], day, threshold=14.0, warning=12.0, breached=14.0, value=1.0)
        for day, c in enumerate(series, 1 - len(series))
    ]
    late = verdict("performance.mae", Status.OK, 1, threshold=14.0, value=1.0, provisional=True)
    assert read(*found, late)["performance", ""].condition == condition


@pytest.mark.parametrize(
    ("value", "warning", "breached", "status", "condition"),
    [
        (0.5, 0.2, 0.4, Status.BREACHED, BEYOND),
        (0.3, 0.2, 0.4, Status.WARNING, BETWEEN),
        (0.19, 0.2, 0.4, Status.OK, CLEAR),
        (0.395, None, 0.4, Status.OK, BETWEEN),
        (0.39, None, 0.4, Status.OK, CLEAR),
        (0.66, None, 0.65, Status.OK, BETWEEN),
        (0.67, None, 0.65, Status.OK, CLEAR),
        (None, None, 0.4, Status.OK, CLEAR),
        (None, 0.2, 0.4, Status.NO_DATA, UNKNOWN),
        (0.1, 0.2, 0.4, Status.INSUFFICIENT_DATA, UNKNOWN),
        (None, 0.2, 0.4, Status.FAILED, UNKNOWN),
    ],
)
def test_it_clears_below_where_it_fires(
    value: float | None, warning: float | None, breached: float, status: Status, condition: Condition
) -> None:
    v = verdict("drift.prediction", status, value=value, warning=warning, breached=breached)
    assert read(v)["drift", ""].condition == condition


@pytest.mark.parametrize(
    ("value", "status", "condition"),
    [
        (20.0, Status.BREACHED, BEYOND),
        (13.5, Status.OK, BETWEEN),
        (12.0, Status.OK, CLEAR),
        (20.0, Status.OK, CLEAR),
        (None, Status.NO_DATA, UNKNOWN),
    ],
    ids=["burning", "a margin below", "well below", "its short window is quiet", "no request"],
)
def test_a_burn(value: float | None, status: Status, condition: Condition) -> None:
    v = verdict("slo.latency", status, method="burn 1h/5m", value=value, threshold=14.4, breached=14.4)
    assert read(v)["fast burn", ""].condition == condition


def test_a_budget_is_clear_as_soon_as_it_is_not_overspent() -> None:
    v = verdict("slo.latency", Status.OK, method="budget", value=0.9901, threshold=0.99, breached=0.99)
    assert read(v)["budget spent", ""].condition == CLEAR


def test_two_pairs_of_windows_are_one_alert_which_says_what_burns() -> None:
    short = verdict("slo.latency", Status.OK, method="burn 1h/5m", value=1.0, threshold=14.4, breached=14.4)
    long = verdict("slo.latency", Status.BREACHED, method="burn 6h/30m", value=7.0, threshold=6.0, breached=6.0)
    assert read(short, long)["fast burn", ""].value == 7.0
    unknown = long._replace(status=Status.NO_DATA, value=None)
    assert read(short, unknown)["fast burn", ""].condition == UNKNOWN, "clear only when both are"


@pytest.mark.parametrize(
    ("statuses", "condition"),
    [
        ({-1: Status.OK, 0: Status.OK, 1: Status.NO_DATA}, UNKNOWN),
        ({-1: Status.OK, 0: Status.NO_DATA, 1: Status.NO_DATA}, BEYOND),
        ({-1: Status.NO_DATA, 0: Status.NO_DATA, 1: Status.OK}, CLEAR),
        ({0: Status.FAILED}, UNKNOWN),
    ],
    ids=["today has no row yet", "yesterday had none, nor has today", "it runs again", "it could not be counted"],
)
def test_a_log_has_stopped_when_a_window_that_is_over_has_no_row(
    statuses: dict[int, Status], condition: Condition
) -> None:
    found = [verdict("quality.volume", status, day) for day, status in statuses.items()]
    assert read(*found)["log stopped", ""].condition == condition


def test_an_estimate_is_silent_once_labels_have_told() -> None:
    estimate = verdict("estimated.mae", Status.BREACHED, value=20.0, breached=14.0)
    realised = verdict("performance.mae", Status.OK, value=9.0, threshold=14.0)
    assert read(realised, estimate)["estimated performance", ""].condition == CLEAR
    early = realised._replace(provisional=True)
    assert read(early, estimate)["estimated performance", ""].condition == BEYOND


@pytest.mark.parametrize("part", [{"slice": "origin=EWR"}, {"version": "2"}], ids=str)
def test_a_part_of_a_model_alerts_with_its_own_labels(part: dict[str, str]) -> None:
    found = [
        verdict("performance.mae", status, day, threshold=14.0, value=20.0, **of)
        for day in (-1, 0) for of, status in (({}, Status.OK), (part, Status.BREACHED))
    ]  # fmt: skip
    found.append(verdict("drift.prediction", Status.BREACHED, method="ks", value=0.5, slice="origin=JFK"))
    beyond = [s for s in signals("eta", "Eta", "ops", found, NOW) if s.condition == BEYOND]
    assert [(s.rule, s.subject.slice, s.subject.version, str(s.severity)) for s in beyond] == [
        ("drift", "origin=JFK", "", "ticket"),
        ("performance", part.get("slice", ""), part.get("version", ""), "ticket"),
    ]
    about = beyond[1]
    given = labels(about.subject, "ops", about.kind, about.severity)
    assert given == part | {
        "model": "eta", "owner": "ops", "check": "performance.mae", "method": "performance", "severity": "ticket",
        "kind": "performance",
    }  # fmt: skip
    assert about.subject.whole.fingerprint != about.subject.fingerprint


@pytest.mark.parametrize(
    ("sentence", "part", "whole", "own", "condition"),
    [
        ("both go on", "slice", "OOO", "OBB", BEYOND),
        ("the newest window of a slice has no row", "slice", "OOO", "BBN", BEYOND),
        ("a slice has no row any more", "slice", "OOO", "NNN", UNKNOWN),
        ("a slice is not judged any more", "slice", "OOOO", "BB", UNKNOWN),
        ("a version has no row in the newest windows", "version", "OOO", "BNN", UNKNOWN),
        ("a version answers nothing any more", "version", "OOO", "NNN", CLEAR),
        ("a version is not judged any more", "version", "OOOO", "BB", CLEAR),
        ("no version answers any more", "version", "ONN", "NNN", UNKNOWN),
        ("a version could not be judged", "version", "OOO", "BBF", BEYOND),
    ],
)
def test_of_what_is_gone_a_slice_is_unknown_and_a_version_is_over(
    sentence: str, part: str, whole: str, own: str, condition: Condition
) -> None:
    letters = {"B": Status.BREACHED, "O": Status.OK, "F": Status.FAILED, "N": Status.NO_DATA}

    def series(text: str, **of: str) -> list[Verdict]:
        return [
            verdict("performance.mae", letters[c], day, threshold=14.0, value=None if c in "NF" else 1.0, **of)
            for day, c in enumerate(text, -4)
        ]

    (found,) = [
        s for s in signals("eta", "Eta", "ops", [*series(whole), *series(own, **{part: "x"})], NOW) if s.subject.part
    ]
    assert found.condition == condition


def test_labels_of_a_slice_do_not_answer_an_estimate_of_the_whole() -> None:
    estimate = verdict("estimated.mae", Status.BREACHED, value=20.0, breached=14.0)
    realised = verdict("performance.mae", Status.OK, value=9.0, threshold=14.0, slice="origin=EWR")
    assert read(realised, estimate)["estimated performance", ""].condition == BEYOND


def test_a_flag_that_a_page_hides_is_unknown() -> None:
    assert read(verdict("model", Status.BREACHED, flag=Flag.PAGE))["needs retraining", ""].condition == UNKNOWN
    assert read(verdict("model", Status.NO_DATA, flag=Flag.WATCH))["needs retraining", ""].condition == UNKNOWN
    assert read(verdict("model", Status.WARNING, flag=Flag.WATCH))["needs retraining", ""].condition == CLEAR


def test_a_method_that_is_not_judged_any_more_does_not_speak() -> None:
    failed = verdict("drift.prediction", Status.FAILED, -1, method="failed")
    fine = verdict("drift.prediction", Status.OK, 0, method="ks", value=0.1, warning=0.2, breached=0.4)
    assert read(failed, fine)["drift", ""].condition == CLEAR


def test_the_fingerprint_is_the_same_for_ever_and_another_for_each_label() -> None:
    one = read(verdict("quality.missing", Status.BREACHED, column="x"))["values missing", "x"].subject
    assert (
        one.fingerprint
        == read(verdict("quality.missing", Status.OK, 1, column="x"))["values missing", "x"].subject.fingerprint
    )
    names = ("model", "check", "column", "slice", "version", "method")
    others = {replace(one, **{name: "other"}).fingerprint for name in names}
    assert len(others | {one.fingerprint}) == 7


def test_of_a_summing_up_the_gravest_finding_is_said() -> None:
    v = verdict("model", Status.BREACHED, flag=Flag.RETRAIN)._replace(reason="Retrain it.\nTemperature moved.")
    assert read(v)["needs retraining", ""].summary == "Retrain it."


def test_a_long_sentence_is_cut_at_a_word() -> None:
    v = verdict("drift", Status.BREACHED)._replace(reason="word " * 400)
    summary = read(v)["drift", ""].summary
    assert len(summary) <= LONGEST + 2 and summary.endswith("word …")
