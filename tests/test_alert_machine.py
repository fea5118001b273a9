"""Alerts against a model of them in thirty lines: whatever happens in whatever order, both agree; on both databases."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from monitoring import alerting, routing
from monitoring.core.alerting.answers import acknowledge, unacknowledge
from monitoring.core.alerting.matcher import Matcher
from monitoring.core.alerting.silence import Silence
from monitoring.notifiers.registry import parse
from monitoring.settings import Settings
from monitoring.store import alerts, channels, silences
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import AlertEventRow, AlertRow, Base, NotificationGroupRow, OutboxRow
from tests.alerts_of import NOW, add_model, signal

THINGS = ("eta/drift", "eta/schema", "eta/label", "delay/drift")
CAUSE, HELD_BY_IT = "eta/schema", ("eta/drift", "eta/label")
"""A broken schema of a model holds its drift back."""
SETTINGS = Settings()


@dataclass
class Thing:
    """The model: open or not, by what was last heard, with the memory that flapping needs."""

    open: bool = False
    clear: bool = True
    known: bool = True
    episodes: int = 0
    crossed: list[datetime] = field(default_factory=list)

    def flaps(self, now: datetime) -> bool:
        return sum(now - t < timedelta(hours=1) for t in self.crossed) >= 4

    def hear(self, condition: str, now: datetime) -> None:
        if condition == "!" and self.clear:
            self.crossed.append(now)
            self.episodes += not self.open
            self.open, self.clear = True, False
        if condition == "." and self.open and not self.clear:
            self.crossed.append(now)
            self.clear = True
        if self.open:
            self.known = condition != "?"
            self.between = condition == "~" or (condition == "?" and getattr(self, "between", False))
        self.age(now)

    def age(self, now: datetime) -> None:
        if self.open and self.clear and self.known and not self.between and not self.flaps(now):
            self.open = False


class Alerts(RuleBasedStateMachine):
    """What may happen: something is heard, time goes by, people act, a worker dies in the middle of a step."""

    store: Engine

    def __init__(self) -> None:
        super().__init__()
        Base.metadata.drop_all(self.store)
        create(self.store)
        self.now = NOW
        self.things = {name: Thing() for name in THINGS}
        self.silenced: dict[str, datetime] = {}
        with transaction(self.store) as session:
            for key in ("eta", "delay"):
                add_model(session, key)
            channels.apply(session, [parse({"name": "room", "kind": "slack", "url": "${ROOM}"})], "tests", NOW)

    def step(self, signals: list[Any]) -> None:
        with transaction(self.store) as session:
            alerts.lock(session, self.now)
            alerting.take_in(session, signals, self.now, SETTINGS)

    @rule(conditions=st.fixed_dictionaries({name: st.sampled_from("!.~?") for name in THINGS}))
    def heard(self, conditions: dict[str, str]) -> None:
        self.step([signal(name, condition) for name, condition in conditions.items()])
        for name, condition in conditions.items():
            self.things[name].hear(condition, self.now)

    @rule(name=st.sampled_from(THINGS), condition=st.sampled_from("!."))
    def heard_of_one(self, name: str, condition: str) -> None:
        self.step([signal(name, condition)])
        self.things[name].hear(condition, self.now)

    @rule(name=st.sampled_from(THINGS), times=st.integers(2, 6))
    def it_comes_and_goes(self, name: str, times: int) -> None:
        for number in range(times):
            self.now += timedelta(seconds=10)
            for thing in self.things.values():
                thing.age(self.now)
            self.heard_of_one(name, "!."[number % 2])

    @rule(seconds=st.sampled_from([1, 29, 30, 31, 299, 300, 1200, 3600, 4 * 3600]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.step([])
        for thing in self.things.values():
            thing.age(self.now)

    @rule(at=st.integers(0, 3), name=st.sampled_from(THINGS))
    def a_worker_dies_in_the_middle(self, at: int, name: str) -> None:
        class Killed(BaseException):
            pass

        def dies(*_: Any) -> Any:
            raise Killed

        places: tuple[tuple[Any, str], ...] = (
            (alerting, "_known"), (alerts, "_append"), (routing.outbox, "notify"), (routing.alerts, "told")
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*places[at], dies)
            try:
                with transaction(self.store) as session:
                    alerts.lock(session, self.now)
                    alerting.take_in(session, [signal(name, "!")], self.now, SETTINGS)
                    raise Killed
            except Killed:
                pass

    @rule(model=st.sampled_from(["eta", "delay"]), minutes=st.sampled_from([10, 120]))
    def somebody_silences(self, model: str, minutes: int) -> None:
        ends = self.now + timedelta(minutes=minutes)
        with transaction(self.store) as session:
            made = Silence((Matcher("model", "=", model),), self.now, ends, "ann", "a test")
            silences.add(session, made, self.now)
        self.silenced[model] = max(ends, self.silenced.get(model, ends))

    @precondition(lambda self: any(thing.open for thing in self.things.values()))
    @rule(act=st.sampled_from([acknowledge, unacknowledge]), data=st.data())
    def somebody_answers(self, act: Any, data: st.DataObject) -> None:
        with transaction(self.store) as session:
            keys = sorted(a.key for a in alerts.open_ones(session) if a.open)
            done = partial(act, actor="ann", now=self.now)
            alerts.answer(session, data.draw(st.sampled_from(keys)), done, "answered", "ann", self.now)

    @invariant()
    def what_is_open_is_what_the_model_says(self) -> None:
        with reading(self.store) as session:
            rows = session.execute(select(AlertRow.fingerprint, AlertRow.closed_at)).all()
        episodes = Counter(fingerprint for fingerprint, _ in rows)
        there = Counter(fingerprint for fingerprint, closed in rows if closed is None)
        for name, thing in self.things.items():
            fingerprint = signal(name, "!").subject.fingerprint
            assert there[fingerprint] == thing.open, name
            assert episodes[fingerprint] == thing.episodes, name

    @invariant()
    def histories_have_no_gap_and_no_message_is_missing_or_twice(self) -> None:
        with reading(self.store) as session:
            seqs = defaultdict(list)
            for alert, seq in session.execute(select(AlertEventRow.alert_id, AlertEventRow.seq)):
                seqs[alert].append(seq)
            counted = {id_: events for id_, events in session.execute(select(AlertRow.id, AlertRow.events))}
            ids = [r.payload["id"] for r in session.scalars(select(OutboxRow))]
            groups = session.execute(select(NotificationGroupRow.id, NotificationGroupRow.number)).all()
        assert all(sorted(found) == list(range(1, counted[alert] + 1)) for alert, found in seqs.items())
        assert sorted(ids) == sorted(f"{group}-{n}" for group, number in groups for n in range(1, number + 1))

    @invariant()
    def messages_keep_their_distance(self) -> None:
        """Of one group, five minutes between news; only its first page may come sooner."""
        for group, told in self.messages().items():
            news = [m for m in told if m["reason"] not in ("repeated", "escalated")]
            for before, after in pairwise(news):
                apart = datetime.fromisoformat(after["at"]) - datetime.fromisoformat(before["at"])
                pages = [
                    any(x["severity"] == "page" and x["state"] == "firing" for x in m["lines"]) for m in (before, after)
                ]
                assert apart >= timedelta(minutes=5) or pages == [False, True], group

    def messages(self) -> dict[str, list[dict[str, Any]]]:
        out = defaultdict(list)
        with reading(self.store) as session:
            for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id)):
                out[row.order_key].append(row.payload)
        return out

    def teardown(self) -> None:
        """When all is said, receivers believe what is so; what is held back they may not have heard of, no more."""
        for _ in range(3):
            self.time_goes_by(300)
        believed: dict[str, bool] = {}
        for told in self.messages().values():
            for message in told:
                believed |= {line["fingerprint"]: line["state"] == "firing" for line in message["lines"]}
        for name, thing in self.things.items():
            fingerprint, model = signal(name, "!").subject.fingerprint, name.split("/")[0]
            silenced = self.silenced.get(model, self.now) > self.now
            held = silenced or (name in HELD_BY_IT and self.things[CAUSE].open)
            if not thing.open:
                assert not believed.get(fingerprint, False), f"{name} is over, and nobody was told"
            elif not held:
                assert believed.get(fingerprint), f"{name} fires, and nobody was told"


@pytest.mark.parametrize(
    ("database", "examples"), [("sqlite", int(os.environ.get("LEEWAY_EXAMPLES", "25"))), ("postgresql", 5)]
)
def test_alerts_do_what_the_model_says(database: str, examples: int, request: pytest.FixtureRequest) -> None:
    url = "sqlite://" if database == "sqlite" else request.getfixturevalue("postgres_url")
    Alerts.store = connect(url)
    quick = settings(max_examples=examples, stateful_step_count=25, suppress_health_check=list(HealthCheck))
    try:
        run_state_machine_as_test(Alerts, settings=quick)
    finally:
        Alerts.store.dispose()
