"""People, teams, overrides and silences in the database: applied, given back, changed by name, and audited."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from monitoring import fleet
from monitoring.__main__ import main
from monitoring.core.alerting.escalation import Policy, Step
from monitoring.core.alerting.matcher import parse
from monitoring.core.alerting.silence import Silence
from monitoring.core.oncall.schedule import Override
from monitoring.core.recurrence import Recurrence
from monitoring.errors import FleetError
from monitoring.fleet.oncall import parse_team
from monitoring.fleet.times import turn_words
from monitoring.notifiers.registry import parse as parse_channel
from monitoring.store import channels, oncall, roster, silences
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.queries.oncall import board, known
from monitoring.store.tables import AuditRow, ChannelRow, OverrideRow, SilenceRow

ADA = ("ada", ("ada-pager", "ada-mail"))
GRACE = ("grace", ("ops-slack",))  # no channel of her own: the team's
LINUS = ("linus", ("linus-mail",))
OPS = Policy((Step(10, ("schedule:ops/primary",)), Step(20, ("person:ada", "channel:ops-slack"))), 1)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = """
channels:
  - {name: ada-pager, kind: slack, url: "${ADA}"}
  - {name: ada-mail, kind: slack, url: "${ADA}"}
  - {name: linus-mail, kind: slack, url: "${LINUS}"}
  - {name: ops-slack, kind: slack, url: "${OPS}"}
  - {name: lonely-mail, kind: slack, url: "${LONELY}"}
people:
  - {key: ada, name: Ada Lovelace, zone: Europe/London, email: ada@example.org, channels: [ada-pager, ada-mail]}
  - {key: grace, zone: America/New_York}
  - {key: linus, channels: [linus-mail]}
teams:
  - key: ops
    name: Flight operations
    owners: [airport desk]
    zone: America/New_York
    members: [ada, grace]
    channels: [ops-slack]
    schedules:
      - key: primary
        rotations:
          - {people: [ada, grace], turn: weekly, start: 2026-03-02T09:00}
      - key: office
        rotations:
          - people: [linus, null]
            turn: 1d
            start: 2026-03-02T09:00:00
            zone: Europe/Berlin
            hours: {from: 09:00, to: 17:00, days: [mon, tue, wed, thu, fri]}
    escalation:
      loops: 1
      steps:
        - {targets: ["schedule:primary"], minutes: 10}
        - {targets: ["person:ada", "channel:ops-slack"], minutes: 20}
  - {key: lonely, channels: [lonely-mail]}
  - {key: bare}
"""


@pytest.fixture
def store() -> Iterator[Engine]:
    """A database with the people and teams of FILE."""
    made = connect("sqlite://")
    create(made)
    file = fleet.read_sections(FILE, "test")
    with transaction(made) as session:
        channels.apply(session, [parse_channel(one) for one in file["channels"]], "test", NOW - DAY)
        oncall.apply(session, file["people"], file["teams"], "test", NOW - DAY)
    yield made
    made.dispose()


def audit(store: Engine) -> list[tuple[str, str, str]]:
    with reading(store) as session:
        return [(r.actor, r.action, r.subject) for r in session.scalars(select(AuditRow).order_by(AuditRow.id))]


# The fleet file


def test_what_was_applied_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    path = tmp_path / "fleet.yaml"
    path.write_text("models: []\n" + FILE)
    assert main(["apply", str(path)]) == 0
    out = capsys.readouterr().out
    assert "person ada: added" in out and "team ops: added" in out
    assert main(["export"]) == 0
    exported = capsys.readouterr().out
    again = fleet.read_sections(exported, "export")
    assert again == fleet.read_sections(path.read_text(), "file")
    path.write_text(exported)
    assert main(["apply", str(path)]) == 0
    assert all(line.endswith(": unchanged") for line in capsys.readouterr().out.splitlines())
    smaller = yaml.safe_load(exported)
    smaller["teams"] = [t for t in smaller["teams"] if t["key"] == "bare"]
    smaller["people"] = smaller["people"][:1]
    path.write_text(yaml.safe_dump(smaller))
    assert main(["apply", str(path), "--prune"]) == 0
    out = capsys.readouterr().out
    assert "person grace: removed" in out and "team ops: removed" in out
    path.write_text("models: []\n")
    assert main(["apply", str(path), "--prune"]) == 0
    assert "removed" not in capsys.readouterr().out, "a file without teams says nothing of them"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"zone": "Europe/Nowhere"}, "no time zone is called 'Europe/Nowhere'"),
        ({"zone": "../etc/passwd"}, "no time zone is called"),
        ({"key": "Flight Ops"}, "String should match pattern"),
        ({"colour": "red"}, "colour: no such field"),
        ({"schedules": [{"key": "a"}, {"key": "a"}]}, "used twice: a"),
        ({"schedules": [{"key": "a", "rotations": [{"people": [], "start": "2026-01-01"}]}]}, "at least 1 item"),
        ({"schedules": [{"key": "a", "rotations": [{"people": ["x"], "start": "monday"}]}]}, "2026-01-05T09:00"),
        ({"schedules": [{"key": "a", "rotations": [{"people": ["x"], "start": "2026-01-01T09:00Z"}]}]}, "leave"),
        ({"schedules": [{"key": "a", "rotations": [{"people": ["x"], "start": "2026-01-01", "turn": "1m"}]}]}, "12h"),
        ({"schedules": [{"key": "a", "rotations": [{"people": ["x"], "start": "2026-01-01", "turn": "0d"}]}]}, "12h"),
        ({"escalation": {"steps": []}}, "at least 1 item"),
        ({"escalation": {"steps": [{"targets": ["schedule:night"]}]}}, "no schedule 'night'; it has none"),
        ({"escalation": {"steps": [{"targets": ["ada"]}]}}, "a target is person:KEY"),
        ({"escalation": {"steps": [{"targets": ["channel:x"], "minutes": 0}]}}, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_team_that_cannot_be_used_is_said_with_its_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FleetError, match="team") as caught:
        parse_team({"key": "ops", **change})
    assert words in caught.value.sentence
    with pytest.raises(FleetError):
        fleet.parse({"teams": [{"key": "ops", **change}]}, "file")


@pytest.mark.parametrize(
    ("written", "read"),
    [("daily", "daily"), ("1d", "daily"), ("7d", "weekly"), ("weekly", "weekly"), ("12h", "12h"), ("2w", "2w")],
)  # fmt: skip
def test_the_length_of_a_turn_is_written_as_people_say_it(written: str, read: str) -> None:
    rotation = {"people": ["x"], "start": "2026-01-01", "turn": written}
    document = {"key": "a", "schedules": [{"key": "s", "rotations": [rotation]}]}
    assert turn_words(parse_team(document).schedules[0].rotations[0].turn) == read


def test_hours_are_read_as_yaml_reads_them() -> None:
    rotation = "{people: [x], start: 2026-01-01, hours: {from: 17:00, to: 24:00}}"
    text = f"{{key: a, schedules: [{{key: s, rotations: [{rotation}]}}]}}"
    hours = parse_team(fleet.plain(yaml.safe_load(text))).schedules[0].rotations[0].hours
    assert hours is not None and (hours.start.hour, hours.end.hour) == (17, 0)


@pytest.mark.parametrize(
    ("people", "teams", "words"),
    [
        ([], [{"key": "new", "members": ["nobody-known"]}], "team new › members: nobody is called 'nobody-known'"),
        ([], [{"key": "new", "owners": ["airport desk"]}], "is the owner of ops already"),
        ([], [{"key": "new", "owners": ["bare"]}], "'bare' is the owner of bare already"),
        ([], [{"key": "new", "escalation": {"steps": [{"targets": ["schedule:bare/night"]}]}}], "no team's schedule"),
        ([], [{"key": "new", "escalation": {"steps": [{"targets": ["schedule:ops/primry"]}]}}], "'ops/primary'\\?"),
        ([], [{"key": "new", "escalation": {"steps": [{"targets": ["person:eve"]}]}}], "1: nobody is called 'eve'"),
        ([], [{"key": "new", "members": ["gace"]}], "Did you mean 'grace'\\? Known: ada, grace, linus. Add what"),
        ([], [{"key": "new", "channels": ["ops-slak"]}], "team new › channels: no channel is called 'ops-slak'"),
        ([], [{"key": "new", "channels": ["ops-slak"]}], "Did you mean 'ops-slack'\\? .* to `channels:`, or mend"),
        ([], [{"key": "new", "escalation": {"steps": [{"targets": ["channel:x"]}]}}], "step 1: no channel is called"),
        (
            [],
            [{"key": "new", "schedules": [{"key": "s", "rotations": [{"people": ["al"], "start": "2026-01-01"}]}]}],
            "team new › schedule s: nobody is called 'al'",
        ),
        ([{"key": "new", "channels": ["ada-pagr"]}], [], "person new › channels: no channel is called 'ada-pagr'"),
    ],
)  # fmt: skip
def test_a_team_may_only_name_what_is_there(store: Engine, people: Any, teams: Any, words: str) -> None:
    before = audit(store)
    with pytest.raises(FleetError, match=words), transaction(store) as session:
        oncall.apply(session, people, teams, "test", NOW)
    assert audit(store) == before, "nothing of it is kept"


def test_a_team_whose_schedule_is_named_elsewhere_stays_unless_both_go(store: Engine) -> None:
    step = {"targets": ["schedule:ops/primary"]}
    with transaction(store) as session:
        oncall.apply(session, [], [{"key": "first", "escalation": {"steps": [step]}}], "test", NOW)
    with pytest.raises(FleetError, match="team ops: is named by team first"), transaction(store) as session:
        oncall.remove(session, "team", "ops", "test", NOW)
    with transaction(store) as session:
        gone = oncall.prune(session, {"teams": []}, "test", NOW)
    assert gone == ["team ops", "team lonely", "team bare", "team first"]


def test_all_that_is_not_there_is_said_at_once(store: Engine) -> None:
    person, team = {"key": "new", "channels": ["fax", "ops-slack"]}, {"key": "desk", "members": ["new", "eve"]}
    with pytest.raises(FleetError) as caught, transaction(store) as session:
        oncall.apply(session, [person], [team], "test", NOW)
    assert caught.value.problems == (
        "person new › channels: no channel is called 'fax'", "team desk › members: nobody is called 'eve'",
    )  # fmt: skip
    assert "`channels:` or `people:`" in caught.value.mend


def test_a_channel_of_the_same_file_may_be_named_and_one_that_is_named_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    path = tmp_path / "fleet.yaml"
    path.write_text("people: [{key: ada, channels: [ada-pagr]}]\n" + FILE.partition("people:")[0])
    assert main(["apply", str(path)]) == 2
    assert "person ada › channels: no channel is called 'ada-pagr'. Did you mean 'ada-pager'" in capsys.readouterr().err
    path.write_text(FILE)
    assert main(["apply", str(path)]) == 0
    path.write_text("channels: []\n")
    assert main(["apply", str(path), "--prune"]) == 2
    said = capsys.readouterr().err
    assert "is named by person ada, person linus, team ops, team lonely. Take it out there first." in said
    path.write_text("channels: []\npeople: []\nteams: []\n")
    assert main(["apply", str(path), "--prune"]) == 0
    assert "channel ops-slack: removed" in capsys.readouterr().out


def test_what_names_a_channel_that_went_before_stops_nothing_else(store: Engine) -> None:
    with transaction(store) as session:
        session.execute(delete(ChannelRow).where(ChannelRow.name == "ada-pager"))
    with transaction(store) as session:
        assert oncall.apply(session, [], [{"key": "new"}], "test", NOW) == {"team new": "added"}
        oncall.remove(session, "team", "new", "test", NOW)


def test_somebody_who_is_still_named_cannot_be_removed(store: Engine) -> None:
    with pytest.raises(FleetError, match="person grace: is named by team ops"), transaction(store) as session:
        oncall.remove(session, "person", "grace", "test", NOW)
    with transaction(store) as session:
        oncall.apply(session, [{"key": "eve"}], [], "test", NOW)
        number = oncall.override(session, "ops", "primary", Override(NOW, NOW + DAY, add="eve"), "test", NOW)
    with pytest.raises(FleetError, match="takes a shift"), transaction(store) as session:
        oncall.remove(session, "person", "eve", "test", NOW)
    with transaction(store) as session:
        oncall.remove_override(session, number, "test", NOW)
        oncall.remove(session, "person", "eve", "ada", NOW, "left us")
    assert audit(store)[-1] == ("ada", "person removed", "eve")


# Whom an alert reaches


def target(store: Engine, of: str, at: datetime = NOW) -> list[tuple[str, tuple[str, ...]]]:
    with reading(store) as session:
        return [(t.person or t.name, t.channels) for t in roster.targets(session, of, at)]


@pytest.mark.parametrize(
    ("of", "at", "found"),
    [
        ("person:ada", NOW, [ADA]),
        ("person:grace", NOW, [GRACE]),
        ("person:gone", NOW, []),
        ("channel:ops-slack", NOW, [("ops-slack", ("ops-slack",))]),
        ("schedule:ops/primary", NOW, [ADA]),
        # the second week of March begins an hour earlier in UTC: clocks went forward on the 8th
        ("schedule:ops/primary", datetime(2026, 3, 9, 12, 59, tzinfo=UTC), [ADA]),
        ("schedule:ops/primary", datetime(2026, 3, 9, 13, tzinfo=UTC), [GRACE]),
        ("schedule:ops/office", NOW, [LINUS]),
        # an empty slot, and a night: the whole team
        ("schedule:ops/office", NOW + DAY, [ADA, GRACE]),
        ("schedule:ops/office", NOW + 8 * HOUR, [ADA, GRACE]),
        ("schedule:ops/gone", NOW, []),
        ("schedule:gone/primary", NOW, []),
    ],
)  # fmt: skip
def test_a_target_is_people_with_their_channels(store: Engine, of: str, at: datetime, found: list[Any]) -> None:
    assert target(store, of, at) == found


def test_a_schedule_of_a_team_without_members_reaches_its_channels(store: Engine) -> None:
    with transaction(store) as session:
        oncall.apply(
            session, [], [{"key": "lonely", "channels": ["lonely-mail"], "schedules": [{"key": "s"}]}], "t", NOW
        )
    assert target(store, "schedule:lonely/s") == [("lonely", ("lonely-mail",))]


@pytest.mark.parametrize(
    ("owner", "policy"),
    [
        ("ops", OPS),
        ("airport desk", OPS),
        ("lonely", Policy((Step(15, ("channel:lonely-mail",)),))),
        ("bare", None),
        ("nobody", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_policy_of_an_owner_is_the_teams(store: Engine, owner: str, policy: Policy | None) -> None:
    with reading(store) as session:
        assert roster.policy_of(session, owner) == policy


def test_a_team_with_a_schedule_and_no_escalation_tells_who_is_on_call_then_everybody(store: Engine) -> None:
    with transaction(store) as session:
        oncall.apply(session, [], [{"key": "lonely", "schedules": [{"key": "s"}]}], "test", NOW)
    with reading(store) as session:
        assert roster.policy_of(session, "lonely") == Policy((Step(15, ("schedule:lonely/s",)), Step(15, ("default",))))


# Overrides

PRIMARY = ("ops", "primary")


def test_an_override_holds_until_it_is_removed_and_what_is_past_stays(store: Engine) -> None:
    with transaction(store) as session:
        number = oncall.override(
            session, *PRIMARY, Override(NOW, NOW + DAY, add="linus", remove="ada"), "ada", NOW, "ill"
        )
    assert target(store, "schedule:ops/primary", NOW + HOUR) == [LINUS]
    with transaction(store) as session:
        oncall.remove_override(session, number, "grace", NOW + 2 * HOUR)
    assert target(store, "schedule:ops/primary", NOW + HOUR) == [LINUS]
    assert target(store, "schedule:ops/primary", NOW + 3 * HOUR)[0][0] == "ada"
    assert audit(store)[-2:] == [
        ("ada", "override added", "ops/primary"), ("grace", "override removed", "ops/primary"),
    ]  # fmt: skip
    with pytest.raises(FleetError, match="is over"), transaction(store) as session:
        oncall.remove_override(session, number, "grace", NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("schedule", "change", "words"),
    [
        ("night", Override(NOW, NOW + DAY, add="ada"), "no schedule is called"),
        ("primary", Override(NOW, NOW + DAY, add="eve"), "nobody is called"),
        ("primary", Override(NOW - DAY, NOW, add="ada"), "over already"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(store: Engine, schedule: str, change: Override, words: str) -> None:
    with pytest.raises(FleetError, match=words), transaction(store) as session:
        oncall.override(session, "ops", schedule, change, "test", NOW)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("table", [OverrideRow, SilenceRow])
def test_the_database_itself_refuses_what_ends_before_it_starts(
    database: str, table: Any, request: pytest.FixtureRequest
) -> None:
    url = "sqlite://" if database == "sqlite" else request.getfixturevalue("postgres_url")
    made = connect(url)
    create(made)
    with transaction(made) as session:
        oncall.apply(session, [{"key": "ada"}], [{"key": "ops", "schedules": [{"key": "s"}]}], "test", NOW)
        oncall.override(session, "ops", "s", Override(NOW, NOW + DAY, add="ada"), "test", NOW)
    values: dict[str, Any] = dict(starts=NOW, ends=NOW, author="a", reason="r", created_at=NOW)
    own = (
        dict(team_id=1, schedule="s", added="ada", removed="")
        if table is OverrideRow
        else dict(matchers=[], rule="", zone="", minutes=0)
    )
    with pytest.raises(IntegrityError), transaction(made) as session:
        session.execute(insert(table).values(**values, **own))
    made.dispose()


# Ahead


def test_the_board_has_now_next_gaps_and_who_cannot_be_told(store: Engine) -> None:
    with transaction(store) as session:
        bare = {"key": "bare", "schedules": [{"key": "s", "rotations": [{"people": ["grace"], "start": "2026-03-01"}]}]}
        oncall.apply(session, [], [bare], "test", NOW)
        oncall.override(session, *PRIMARY, Override(NOW + DAY, NOW + DAY + HOUR, remove="ada"), "test", NOW)
    with reading(store) as session:
        found = board(known(session, NOW), NOW)
    primary, office, other = found.duties
    assert primary.now.people == ("ada",) and primary.now.end == NOW + DAY
    assert primary.next is not None and primary.next.people == ("ada",)
    assert [(gap.start, gap.end) for gap in primary.gaps] == [(NOW + DAY, NOW + DAY + HOUR)]
    assert office.gaps[0].start == datetime(2026, 3, 4, 16, tzinfo=UTC), "after office hours in Berlin"
    assert max(gap.start for gap in office.gaps) < NOW + 7 * DAY
    assert other.ends(other.now) is None and other.next is None
    assert found.mute(other) == ["grace"] and found.mute(primary) == []


def test_the_command_says_who_is_on_call_at_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    assert main(["on-call"]) == 0
    assert "No team has a schedule yet" in capsys.readouterr().out
    (tmp_path / "fleet.yaml").write_text(FILE)
    assert main(["apply", str(tmp_path / "fleet.yaml")]) == 0
    capsys.readouterr()
    assert main(["on-call", "--at", "2026-03-07T12:00:00Z"]) == 0
    out = capsys.readouterr().out
    assert "ops/primary: Ada Lovelace until Mon 2026-03-09 09:00 EDT (Mon 13:00 UTC)" in out
    assert "next: grace from Mon 2026-03-09 09:00 EDT (Mon 13:00 UTC)" in out
    assert "ops/office: NOBODY until" in out and "the whole team (Ada Lovelace and grace)" in out
    assert "gap: now until" in out


# Silences


def made(**more: Any) -> Silence:
    values: dict[str, Any] = dict(starts=NOW, ends=NOW + 8 * HOUR, author="ada", reason="moving the feed")
    return Silence(parse('model="eta", check=~"drift.*"'), **(values | more))


def test_a_silence_is_kept_as_it_was_made_until_it_is_over(store: Engine) -> None:
    window = made(recurrence=Recurrence("FREQ=WEEKLY;BYDAY=SU", "Europe/Berlin", 3 * HOUR), ends=NOW + 30 * DAY)
    with transaction(store) as session:
        first, second = silences.add(session, made(), NOW), silences.add(session, window, NOW)
    with reading(store) as session:
        assert silences.active(session, NOW) == [made(), window]
        assert silences.active(session, NOW + 8 * HOUR) == [window]
    assert audit(store)[-2:] == [("ada", "silence added", str(first)), ("ada", "silence added", str(second))]


def test_a_silence_ends_early_and_one_to_come_is_taken_out(store: Engine) -> None:
    window = made(recurrence=Recurrence("FREQ=WEEKLY;BYDAY=SU", "UTC", HOUR), ends=NOW + 30 * DAY)
    with transaction(store) as session:
        numbers = [silences.add(session, one, NOW) for one in (made(), made(starts=NOW + 4 * HOUR), window)]
    with transaction(store) as session:
        for number in numbers:
            silences.expire(session, number, "grace", NOW + HOUR)
    with reading(store) as session:
        assert silences.active(session, NOW + HOUR) == []
        past = [kept.silence for kept in silences.kept_since(session, NOW)]
        assert [(s.starts, s.ends) for s in past] == [(NOW, NOW + HOUR)] * 2, "what was in force can still be read"
    assert [line[:2] for line in audit(store)[-3:]] == [("grace", "silence expired")] * 3
    with pytest.raises(FleetError, match="over already"), transaction(store) as session:
        silences.expire(session, numbers[0], "grace", NOW + 2 * HOUR)


@pytest.mark.parametrize("change", [{"reason": " "}, {"ends": NOW + 900 * DAY}, {"starts": NOW - DAY, "ends": NOW}])
def test_a_silence_that_nobody_should_make_is_not_kept(store: Engine, change: dict[str, Any]) -> None:
    with pytest.raises(FleetError, match="silence"), transaction(store) as session:
        silences.add(session, made(**change), NOW)


def test_documents_are_kept_apart_from_what_was_handed_over(store: Engine) -> None:
    document = {"key": "eve", "channels": ["ops-slack"]}
    with transaction(store) as session:
        oncall.apply(session, [copy.deepcopy(document)], [], "test", NOW)
    with transaction(store) as session:
        assert oncall.apply(session, [document], [], "test", NOW) == {"person eve": "unchanged"}
