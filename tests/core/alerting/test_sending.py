"""What is sent when, and why: the acceptance cases of Prometheus Alertmanager (test/with_api_v2/acceptance), as tables.

A script says from which second a thing is beyond (!), between its thresholds (~), clear (.) or unknown (?); a step is
made every ten seconds. Expected is each message: its second, its reason, what fires in it and what is -resolved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from monitoring.core.alerting.answers import acknowledge, escalate
from monitoring.core.alerting.decide import Known, held_back
from monitoring.core.alerting.escalation import DEFAULT, Policy, Step
from monitoring.core.alerting.grouping import Pace, Shared
from tests.alerts_of import NOW, Desk, signal

HOUR = 3600
Script = dict[int, dict[str, str]]

CASES: dict[str, tuple[Script, int, list[tuple[int, str, str]]]] = {
    "one alert is told once, after 30 s, however often it is seen": (
        {0: {"drift": "!"}}, HOUR,
        [(30, "first", "drift")],
    ),
    "what fires within the first 30 s is one message": (
        {0: {"drift": "!"}, 20: {"label": "!"}}, HOUR,
        [(30, "first", "drift label")],
    ),
    "a later one waits until five minutes after the last message": (
        {0: {"drift": "!"}, 60: {"label": "!"}}, HOUR,
        [(30, "first", "drift"), (330, "new_member", "drift label")],
    ),
    "one that comes after the five minutes waits its 30 s only": (
        {0: {"drift": "!"}, 600: {"label": "!"}}, HOUR,
        [(30, "first", "drift"), (630, "new_member", "drift label")],
    ),
    "a first page in a group of tickets does not wait for the five minutes": (
        {0: {"slow": "!"}, 60: {"fast": "!"}}, 240,
        [(30, "first", "slow"), (90, "new_member", "fast")],
    ),
    "resolved is told, with what still fires": (
        {0: {"drift": "!", "label": "!"}, 900: {"label": "."}}, HOUR,
        [(30, "first", "drift label"), (930, "resolved", "-label drift")],
    ),
    "all resolved ends the group, and firing again is a first message of a new one": (
        {0: {"drift": "!"}, 900: {"drift": "."}, 2000: {"drift": "!"}}, HOUR,
        [(30, "first", "drift"), (930, "resolved", "-drift"), (2030, "first", "drift")],
    ),
    "what is over before anybody was told of it is not told": (
        {0: {"drift": "!"}, 20: {"drift": "."}}, HOUR,
        [],
    ),
    "what ends and fires again before its end was told is told as firing again": (
        {0: {"drift": "!"}, 60: {"drift": "."}, 120: {"drift": "!"}}, HOUR,
        [(30, "first", "drift"), (330, "new_member", "drift")],
    ),
    "it is repeated after four hours, and again": (
        {0: {"drift": "!"}}, 9 * HOUR,
        [(30, "first", "drift"), (4 * HOUR + 30, "repeated", "drift"), (8 * HOUR + 30, "repeated", "drift")],
    ),
    "any message counts for the repetition": (
        {0: {"drift": "!"}, 2 * HOUR: {"label": "!"}}, 7 * HOUR,
        [
            (30, "first", "drift"), (2 * HOUR + 30, "new_member", "drift label"),
            (6 * HOUR + 30, "repeated", "drift label"),
        ],
    ),
    "two models are two groups": (
        {0: {"drift": "!", "delay/drift": "!"}}, HOUR,
        [(30, "first", "drift"), (30, "first", "delay/drift")],
    ),
    "no data, too little of it and failures resolve nothing": (
        {0: {"drift": "!"}, 60: {"drift": "?"}}, 2 * HOUR,
        [(30, "first", "drift")],
    ),
    "between the thresholds nothing ends": (
        {0: {"drift": "!"}, 60: {"drift": "~"}, 1200: {"drift": "."}}, HOUR,
        [(30, "first", "drift"), (1230, "resolved", "-drift")],
    ),
    "between the thresholds nothing begins": ({0: {"drift": "~"}}, HOUR, []),
    "the unknown begins nothing": ({0: {"drift": "?"}}, HOUR, []),
    "a log that cannot be read for a minute is waited for": (
        {0: {"unreadable": "!"}, 60: {"unreadable": "."}}, HOUR, [],
    ),
    "one that cannot be read for two minutes is told": (
        {0: {"unreadable": "!"}}, HOUR, [(150, "first", "unreadable")],
    ),
    "a burn that comes back within five minutes is the same alert": (
        {0: {"fast": "!"}, 600: {"fast": "."}, 800: {"fast": "!"}}, HOUR,
        [(30, "first", "fast")],
    ),
    "a burn that stays away for five minutes is resolved": (
        {0: {"fast": "!"}, 600: {"fast": "."}}, HOUR,
        [(30, "first", "fast"), (930, "resolved", "-fast")],
    ),
    "four changes within the hour are flapping: held open, told once, resolved when the hour is calm": (
        {0: {"drift": "!"}, 400: {"drift": "."}, 800: {"drift": "!"}, 1200: {"drift": "."}, 1600: {"drift": "!"},
         2000: {"drift": "."}, 2400: {"drift": "!"}, 2800: {"drift": "."}}, 3 * HOUR,
        [
            (30, "first", "drift"), (430, "resolved", "-drift"), (830, "first", "drift"), (1230, "flapping", "drift"),
            # the 4th youngest change, of 1600 s, leaves the hour
            (5230, "resolved", "-drift"),
        ],
    ),
    "a log that stopped holds back drift and performance, and lets them go when it is back": (
        {0: {"stopped": "!", "drift": "!", "auc": "!"}, 1000: {"stopped": "."}}, HOUR,
        [(30, "first", "stopped"), (1030, "new_member", "-stopped auc drift")],
    ),
    "what was told before a cause came is not told again when the cause is gone": (
        {0: {"drift": "!"}, 400: {"schema": "!"}, 1400: {"schema": "."}}, 2 * HOUR,
        [(30, "first", "drift"), (430, "new_member", "schema"), (1430, "resolved", "-schema drift")],
    ),
    "a cause on one model holds back nothing on another": (
        {0: {"stopped": "!", "delay/drift": "!"}}, HOUR,
        [(30, "first", "stopped"), (30, "first", "delay/drift")],
    ),
    "values that are missing are not what a broken schema holds back": (
        {0: {"schema": "!", "missing": "!"}}, HOUR, [(30, "first", "missing schema")],
    ),
    "the call for retraining speaks for the metric": (
        {0: {"retrain": "!", "auc": "!"}}, HOUR, [(30, "first", "retrain")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", CASES)
def test_sending(sentence: str) -> None:
    script, until, expected = CASES[sentence]
    assert Desk().run(script, until) == expected


def test_cold_start_what_fired_long_ago_is_told_at_once_after_a_time_without_a_worker() -> None:
    desk = Desk()
    desk.run({0: {"drift": "!"}}, 0)
    desk.step([], NOW + timedelta(hours=2))
    assert [n.reason for n in desk.sent] == ["first"]


def test_deciding_twice_changes_nothing_the_second_time() -> None:
    desk = Desk()
    for second in (0, 30, 60, 400):
        signals = [signal("drift", "!"), signal("fast", "!" if second < 400 else ".")]
        now = NOW + timedelta(seconds=second)
        desk.step(signals, now)
        again = desk.step(signals, now)
        assert (again.alerts, again.groups, again.events, again.notices) == ((), (), (), ())


@dataclass(frozen=True)
class Quiet:
    """A silence of a model from one second to another."""

    starts: int
    ends: int
    model: str = "eta"
    author: str = "ann"
    reason: str = "moving house"

    def matches(self, labels: dict[str, str], at: datetime) -> bool:
        second = (at - NOW).total_seconds()
        return labels.get("model") == self.model and self.starts <= second < self.ends

    def until(self, at: datetime) -> datetime:
        return NOW + timedelta(seconds=self.ends)


@pytest.mark.parametrize(
    ("sentence", "silence", "script", "expected"),
    [
        (
            "what is silenced is not sent, and sent when the silence ends and it still fires",
            Quiet(0, 1800), {0: {"drift": "!"}}, [(1830, "silence_ended", "drift")],
        ),
        (
            "what was sent before is sent again when the silence ends",
            Quiet(600, 1800), {0: {"drift": "!"}}, [(30, "first", "drift"), (1830, "silence_ended", "drift")],
        ),
        (
            "what is over before the silence is over is not sent",
            Quiet(0, 1800), {0: {"drift": "!"}, 900: {"drift": "."}}, [],
        ),
        (
            "what receivers know of is resolved, silence or not",
            Quiet(600, 1800), {0: {"drift": "!"}, 900: {"drift": "."}},
            [(30, "first", "drift"), (930, "resolved", "-drift")],
        ),
        (
            "a silence of another model changes nothing",
            Quiet(0, 1800, "delay"), {0: {"drift": "!"}}, [(30, "first", "drift")],
        ),
        (
            "a silence keeps a repetition back",
            Quiet(600, 5 * HOUR), {0: {"drift": "!"}},
            [(30, "first", "drift"), (5 * HOUR + 30, "silence_ended", "drift")],
        ),
    ],
)  # fmt: skip
def test_silences(sentence: str, silence: Quiet, script: Script, expected: list[tuple[int, str, str]]) -> None:
    assert Desk(Known(silences=[silence])).run(script, silence.ends + HOUR) == expected


def test_a_silence_is_in_the_history_with_its_author_its_end_and_its_reason() -> None:
    desk = Desk(Known(silences=[Quiet(0, 1800)]))
    desk.run({0: {"drift": "!"}}, 60)
    words = [e.reason for e in desk.events if e.kind == "silenced"]
    assert words == ["Silenced by ann until 2026-05-20 12:30 UTC: moving house"]


EWR = {"slice": "origin=EWR"}


@pytest.mark.parametrize(
    ("sentence", "parts", "held"),
    [
        ("a slice while the whole model fires for the same check", [("auc", {}), ("auc", EWR)], [("auc", EWR)]),
        ("a version, too", [("label", {}), ("label", {"version": "2"})], [("label", {"version": "2"})]),
        ("a slice of another check goes out", [("drift", {}), ("auc", EWR)], []),
        ("slices hold neither each other nor the whole", [("auc", EWR), ("auc", {"slice": "origin=JFK"})], []),
        ("what causes the whole model's causes the slice's", [("schema", {}), ("auc", EWR)], [("auc", EWR)]),
    ],
)
def test_one_notice_a_cause(
    sentence: str, parts: list[tuple[str, dict[str, str]]], held: list[tuple[str, dict[str, str]]]
) -> None:
    desk = Desk()
    said = [signal(name, "!", **part) for name, part in parts]
    for second in (0, 40):
        desk.step(said, NOW + timedelta(seconds=second))
    (notice,) = desk.sent
    wanted = [signal(name, "!", **part).subject for name, part in parts if (name, part) not in held]
    assert {a.subject for a in notice.alerts} == set(wanted)
    assert len([e for e in desk.events if e.kind == "inhibited"]) == len(held)


def test_a_slice_speaks_once_the_whole_model_has_calmed_down() -> None:
    desk = Desk()
    for second, whole in ((0, "!"), (40, "!"), (600, "."), (640, ".")):
        desk.step([signal("auc", whole), signal("auc", "!", **EWR)], NOW + timedelta(seconds=second))
    assert [(str(n.reason), n.why) for n in desk.sent] == [
        ("first", "new: performance, performance.roc_auc"),
        (
            "new_member",
            "resolved: performance, performance.roc_auc; "
            "no longer held back: performance, performance.roc_auc (origin=EWR)",
        ),
    ]


def test_what_is_not_judged_any_more_is_held_and_can_be_closed() -> None:
    desk = Desk()
    desk.step([signal("auc", "!", **EWR), signal("drift", "!", "delay")], NOW)
    desk.known = replace(desk.known, heard=["eta"])
    desk.step([], NOW + timedelta(minutes=5))
    conditions = {a.subject.model: str(a.condition) for a in desk.open}
    assert conditions == {"eta": "unknown", "delay": "beyond"}, "of a model that was not looked at nothing is said"
    assert desk.events[-1].reason == "Held: nothing is known of it now. It is not judged any more."


def test_what_waits_and_is_not_judged_any_more_is_over() -> None:
    desk = Desk()
    desk.step([replace(signal("drift", "!"), wait=timedelta(hours=2))], NOW)
    assert [str(a.state) for a in desk.open] == ["pending"]
    desk.known = replace(desk.known, heard=["eta"])
    desk.step([], NOW + timedelta(minutes=5))
    assert desk.open == [] and desk.events[-1].reason == "It is not judged any more."


POLICY = Policy((Step(15, ("person:ann",)), Step(10, ("schedule:ops/second", "channel:room"))), loops=1)


def escalating(**more: object) -> Desk:
    return Desk(Known(policies={"ops": POLICY}, pace=Pace(), **more))  # type: ignore[arg-type]


def test_a_page_goes_through_its_policy_twice_where_it_loops_once_then_nobody_is_left() -> None:
    desk = escalating()
    sent = desk.run({0: {"fast": "!"}}, 3 * HOUR)
    assert sent == [
        (30, "first", "fast"), (930, "escalated", "fast"), (1530, "escalated", "fast"), (2430, "escalated", "fast"),
    ]  # fmt: skip
    assert [n.targets for n in desk.sent] == [POLICY.steps[i].targets for i in (0, 1, 0, 1)]
    assert desk.sent[1].why == "escalated: nobody acknowledged within 15 min"


def test_a_ticket_goes_to_the_channels_that_fit_and_does_not_escalate() -> None:
    desk = escalating()
    assert desk.run({0: {"drift": "!"}}, 3 * HOUR) == [(30, "first", "drift")]
    assert desk.sent[0].targets == (DEFAULT,)


def test_an_acknowledgement_stops_escalation_and_repetition_until_it_expires() -> None:
    desk = escalating()
    desk.run({0: {"fast": "!"}}, 60)
    alert = acknowledge(desk.open[0], "ann", NOW + timedelta(seconds=60)).alert
    desk.alerts[alert.key] = alert
    later = []
    for second in range(70, 5 * HOUR, 10):
        later += desk.step([signal("fast", "!")], NOW + timedelta(seconds=second)).notices
    assert [(int((n.at - NOW).total_seconds()), str(n.reason)) for n in later][:2] == [
        (4 * HOUR + 60, "repeated"), (4 * HOUR + 60, "escalated"),
    ]  # fmt: skip
    assert [e.reason for e in desk.events if e.kind == "expired"] == [
        "The acknowledgement of ann has expired, and it still fires."
    ]


def test_the_policy_is_the_one_that_held_when_it_fired() -> None:
    desk = escalating()
    desk.run({0: {"fast": "!"}}, 60)
    desk.known = Known(policies={"ops": Policy((Step(1, ("person:bob",)),))})
    desk.run({0: {"fast": "!"}}, 1000)
    assert {t for n in desk.sent for t in n.targets} == {"person:ann", "schedule:ops/second", "channel:room"}


def test_escalating_by_hand_calls_the_next_at_once_and_says_who_asked() -> None:
    desk = escalating()
    desk.run({0: {"fast": "!"}}, 60)
    asked = escalate(desk.open[0], "ann", NOW + timedelta(seconds=70)).alert
    desk.alerts[asked.key] = asked
    desk.step([], NOW + timedelta(seconds=71))
    assert (desk.sent[-1].reason, desk.sent[-1].why) == ("escalated", "escalated: ann asked for it")
    assert desk.sent[-1].targets == POLICY.steps[1].targets


def test_a_silenced_page_does_not_escalate_and_begins_anew_when_the_silence_ends() -> None:
    desk = escalating(silences=[Quiet(60, 3600)])
    assert desk.run({0: {"fast": "!"}}, 2 * HOUR)[:3] == [
        (30, "first", "fast"), (3630, "silence_ended", "fast"), (4530, "escalated", "fast"),
    ]  # fmt: skip
    assert desk.sent[1].targets == POLICY.steps[0].targets


def test_what_models_share_is_one_message_an_owner() -> None:
    shared = Shared(7, "feed weather moved in 2 models since 3 July", frozenset({"eta", "delay"}))
    desk = Desk(Known(incidents=[shared]))
    assert desk.run({0: {"drift": "!", "delay/drift": "!", "auc": "!"}}, HOUR) == [
        (30, "first", "delay/drift drift"), (30, "first", "auc"),
    ]  # fmt: skip
    assert {g.title for g in desk.groups.values()} == {"feed weather moved in 2 models since 3 July", "Eta"}


@pytest.mark.parametrize(
    ("shared", "name", "explained"),
    [
        (Shared(1, "a log", frozenset({"eta"})), "eta/stopped", True),
        (Shared(1, "a log", frozenset({"eta"})), "eta/drift", True),
        (Shared(1, "a log", frozenset({"eta"})), "delay/drift", False),
        (Shared(1, "a log", frozenset({"eta"})), "eta/auc", False),
        (Shared(1, "a feed", frozenset({"eta"}), log=False), "eta/drift", True),
        (Shared(1, "a feed", frozenset({"eta"}), log=False), "eta/stopped", False),
        (Shared(1, "a feed", frozenset({"eta"}), log=False), "eta/unreadable", False),
        (Shared(1, "a feature", frozenset({"eta"}), "drift", "x", log=False), "eta/drift", True),
        (Shared(1, "a feature", frozenset({"eta"}), "missing", "x", log=False), "eta/drift", False),
    ],
)
def test_a_cause_explains_what_it_does_and_no_more(shared: Shared, name: str, explained: bool) -> None:
    desk = Desk()
    desk.step([signal(name, "!")], NOW)
    assert shared.explains(desk.open[0]) is explained


def test_what_was_not_told_yet_moves_to_a_cause_that_is_found_and_what_was_told_stays() -> None:
    shared = Shared(7, "a cause", frozenset({"eta", "delay"}))
    desk = Desk()
    desk.run({0: {"drift": "!"}}, 40)
    later = NOW + timedelta(seconds=50)
    desk.step([signal("delay/drift", "!")], later)
    desk.known = replace(desk.known, incidents=[shared])
    for second in range(10, 400, 10):
        desk.step([signal("drift", "!"), signal("delay/drift", "!")], later + timedelta(seconds=second))
    assert len(desk.sent) == 2
    assert [len(n.alerts) for n in desk.sent] == [1, 1]
    assert {g.title for g in desk.groups.values() if g.sent_at} == {"Eta", "a cause"}


def test_a_model_that_is_not_watched_any_more_resolves_its_alerts() -> None:
    desk = Desk(Known(watched={"eta"}))
    desk.run({0: {"drift": "!"}}, 60)
    desk.known = Known(watched=set())
    desk.step([], NOW + timedelta(seconds=600))
    assert not desk.open and desk.events[-1].reason == "The model is not watched any more."


@pytest.mark.parametrize("left", [set(), {("eta", "slo.latency", "another"), ("delay", "slo.latency", "")}])
def test_an_objective_that_is_gone_resolves_its_alerts_and_no_other(left: set[tuple[str, str, str]]) -> None:
    promised = {("eta", "slo.latency", ""), ("eta", "slo.availability", "")}
    desk = Desk(Known(objectives=promised))
    desk.run({0: {"fast": "!", "down": "!", "drift": "!"}}, 60)
    desk.known = Known(objectives=left | {("eta", "slo.availability", "")})
    desk.step([], NOW + timedelta(seconds=600))
    assert {a.subject.check for a in desk.open} == {"slo.availability", "drift"}
    assert [e.reason for e in desk.events if e.kind == "resolved"] == ["The objective was changed or taken away."]


@pytest.mark.parametrize(
    ("column", "held"), [("", False), ("latency-20ms-99-30d", True), ("latency-50ms-99-30d", False)]
)
def test_a_fast_burn_holds_back_the_slow_one_of_the_same_objective_alone(column: str, held: bool) -> None:
    fast = signal("fast", "!", column="latency-20ms-99-30d")
    desk = Desk()
    desk.step([fast, signal("slow", "!", column=column)], NOW)
    slow = next(a for a in desk.open if a.rule == "slow burn")
    assert (slow.key in held_back(desk.open, [], NOW)) is held


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_was_wrong_for_a_while_holds_nothing_up(ahead: timedelta) -> None:
    desk = escalating()
    desk.step([signal("fast", "!"), signal("drift", "!")], NOW + ahead)
    for second in range(0, 1200, 10):
        desk.step([signal("fast", "!"), signal("drift", "!")], NOW + timedelta(seconds=second))
    reasons = [(n.reason, (n.at - NOW).total_seconds()) for n in desk.sent]
    assert reasons[0][0] == "first" and reasons[0][1] <= 30
    assert ("escalated", reasons[0][1] + 900) in reasons
