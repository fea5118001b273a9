"""Verdicts: their order of severity, and the JSON that other people's programs read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from monitoring.core.verdict import SEVERITY, Flag, Status, Verdict, Window, worst

JULY = Window(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 2, 12, 30, tzinfo=UTC), 512)
CONTRACT = {
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


def verdict(**fields: object) -> Verdict:
    given = {"model": "m", "check": "drift", "window": JULY, "status": Status.OK, "reason": "All is well."}
    return Verdict(**{**given, **fields})  # type: ignore[arg-type]


def test_every_status_has_a_severity_of_its_own():
    assert set(SEVERITY) == set(Status)
    assert len(set(SEVERITY.values())) == len(Status)


@pytest.mark.parametrize(
    ("milder", "worse"),
    [
        (Status.OK, Status.INSUFFICIENT_DATA),
        (Status.INSUFFICIENT_DATA, Status.NO_DATA),
        (Status.NO_DATA, Status.WARNING),
        (Status.WARNING, Status.FAILED),
        (Status.FAILED, Status.BREACHED),
    ],
)
def test_only_ok_is_good_news(milder, worse):
    assert worst([milder, worse]) == worse == worst([worse, milder])


def test_the_worst_of_several_does_not_depend_on_their_order():
    three = [Status.OK, Status.FAILED, Status.WARNING]
    assert {worst(list(order)) for order in permutations(three)} == {Status.FAILED}


def test_the_worst_of_none_is_no_data_and_not_ok():
    assert worst([]) == Status.NO_DATA


def test_the_json_has_every_field_of_the_contract():
    assert set(verdict().as_json()) >= CONTRACT


def test_the_json_holds_plain_values_only():
    document = verdict(value=0.25, threshold=0.2, status=Status.BREACHED, slice="origin=EWR").as_json()
    assert json.loads(json.dumps(document)) == document
    assert (document["status"], document["value"], document["slice"]) == ("breached", 0.25, "origin=EWR")


def test_times_are_iso_8601_in_utc():
    assert verdict().as_json()["window"] == {
        "start": "2013-07-01T00:00:00Z",
        "end": "2013-07-02T12:30:00Z",
        "n": 512,
        "chunk": None,
    }


def test_a_chunk_of_rows_has_its_number_and_no_times():
    assert Window(None, None, 5000, 0).as_json() == {"start": None, "end": None, "n": 5000, "chunk": 0}


@pytest.mark.parametrize("flag", list(Flag))
def test_the_summing_up_carries_its_flag(flag):
    assert verdict(check="model", flag=flag).as_json()["flag"] == flag.value


def test_other_checks_carry_no_flag():
    assert "flag" not in verdict().as_json()


def test_the_words_of_statuses_and_flags_are_those_of_the_contract():
    assert [str(s) for s in Status] == ["ok", "warning", "breached", "insufficient_data", "no_data", "failed"]
    assert [str(f) for f in Flag] == ["healthy", "watch", "retrain", "page"]


def test_a_summing_up_tells_its_findings_one_by_one_and_all_in_one_line():
    told = verdict(check="model", flag=Flag.WATCH, reason="The log is late. It came at 3.\nIt drifts.").as_json()
    assert told["reason"] == "The log is late. It came at 3. It drifts."
    assert told["findings"] == ["The log is late. It came at 3.", "It drifts."]
    assert "findings" not in verdict().as_json()


def test_a_verdict_held_against_other_levels_is_the_same_measurement():
    every = {name: f"its {name}" for name in Verdict._fields}
    levels = {"status": Status.WARNING, "threshold": 0.2, "warning": 0.2, "breached": 0.5}
    assert Verdict(**every).held(**levels) == Verdict(**{**every, **levels})
