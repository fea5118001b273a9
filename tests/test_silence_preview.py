"""What a silence would catch: alerts that are open, and what was found in its hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from monitoring.core.alerting.matcher import parse
from monitoring.core.alerting.silence import Silence
from monitoring.core.recurrence import Recurrence
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.store import verdicts
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.queries.silences import Catch, catch
from monitoring.store.tables import AlertRow, ModelRow

NOW = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def verdict(model: str, check: str, age: int, status: Status, **more: Any) -> Verdict:
    end = NOW - age * DAY
    return Verdict(model, check, Window(end - DAY, end, 10), status, "because", **more)


def alert(model: str, check: str, age: timedelta, closed: bool = False, **more: Any) -> AlertRow:
    opened = NOW - age
    values: dict[str, Any] = dict(
        key=f"{model}-{check}-{age}", fingerprint=f"{model}{check}{age.total_seconds():.0f}"[:20], episode=1, column="",
        slice="", version="", method="", rule="r", kind="drift", severity="ticket", state="firing", condition="beyond",
        summary="drifted", opened_at=opened, last_seen=NOW, closed_at=NOW if closed else None, transitions=[],
        flapping=False, acked_by="", policy={}, step=0, loop=0, asked_by="", group="", model_name=model.title(),
        owner="desk",
    )  # fmt: skip
    return AlertRow(model_key=model, check=check, **(values | more))


@pytest.fixture
def store() -> Iterator[Engine]:
    made = connect("sqlite://")
    create(made)
    with transaction(made) as session:
        for key, owner in (("eta", "desk"), ("risk", "ops")):
            row = ModelRow(
                key=key, name=key.title(), owner=owner, task="regression", mode="online", target="cloud", document={},
                base=".", created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            session.add(row)
            session.flush()
            found = [
                verdict(key, "drift.feature", age, Status.BREACHED if age > 1 else Status.OK, column="distance")
                for age in range(1, 40)
            ]
            found += [verdict(key, "performance.mae", age, Status.WARNING, slice="origin=EWR") for age in (0, 1, 8)]
            verdicts.save(session, row.id, found, NOW)
        session.add_all(
            [
                alert("eta", "drift", 2 * HOUR), alert("eta", "drift", 3 * DAY, closed=True),
                alert("eta", "drift", 40 * DAY, closed=True), alert("eta", "slo.latency", HOUR, severity="page"),
                alert("risk", "drift", 50 * DAY),
            ]
        )  # fmt: skip
    yield made
    made.dispose()


def caught(store: Engine, matchers: str, recurrence: Recurrence | None = None, starts: datetime = NOW) -> Catch:
    silence = Silence(parse(matchers), starts, starts + 30 * DAY, "ada", "a try", recurrence)
    with reading(store) as session:
        return catch(session, silence, NOW)


def test_it_counts_alerts_now_and_before_and_findings_by_subject(store: Engine) -> None:
    found = caught(store, 'model="eta" check=~"drift.*"')
    assert [(a.model, a.check) for a in found.alerts] == [("eta", "drift")] and found.opened == 2
    (one,) = found.findings
    assert (one.check, one.column, one.windows, one.status) == ("drift.feature", "distance", 29, "ok")
    assert one.last == NOW - 2 * DAY, "yesterday was fine"


def test_a_window_that_is_still_open_was_found_when_it_was_judged(store: Engine) -> None:
    with transaction(store) as session:
        verdicts.save(session, 1, [verdict("eta", "quality.volume", -1, Status.BREACHED)], NOW)
    (one,) = caught(store, "check=quality.volume").findings
    assert (one.windows, one.last) == (1, NOW)


def test_it_names_the_models_it_touches(store: Engine) -> None:
    found = caught(store, 'model="eta" check=~"drift.*"')
    assert found.models == ["eta"]


@pytest.mark.parametrize(
    ("matchers", "alerts", "opened", "findings"),
    [
        ("model=risk", 1, 0, 2),
        ("owner=ops", 0, 0, 2),  # an alert keeps the owner it was opened for
        ("owner=desk", 3, 3, 2),
        ("slice=~.+", 0, 0, 2),
        ("severity=page", 1, 1, 0),  # which a verdict has none of
        ("check=performance.mae slice=origin=EWR model=eta", 0, 0, 1),
        ("model=nothing", 0, 0, 0),
    ],
)
def test_it_matches_as_the_silence_will(store: Engine, matchers: str, alerts: int, opened: int, findings: int) -> None:
    found = caught(store, matchers)
    assert (len(found.alerts), found.opened, len(found.findings)) == (alerts, opened, findings)


def test_a_window_that_recurs_catches_only_what_came_in_its_hours(store: Engine) -> None:
    sundays = Recurrence("FREQ=WEEKLY;BYDAY=SU", "UTC", 3 * HOUR)
    (one,) = caught(store, 'model="eta" check="drift.feature"', sundays, NOW - HOUR).findings
    assert (one.windows, one.last) == (4, NOW - 7 * DAY), "windows of a day end at midnight, an hour after it opens"
    assert caught(store, 'model="eta" check="drift.feature"', sundays, NOW + HOUR).findings == ()


def test_an_empty_store_catches_nothing() -> None:
    made = connect("sqlite://")
    create(made)
    assert caught(made, "model=eta") == Catch((), 0, ())
    made.dispose()
