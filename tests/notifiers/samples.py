"""Notifications and channels for the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monitoring.core.alerting.notification import Line, Notification, NotifyReason, State

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
NASTY = 'Air <!channel> [x](https://evil.example) *b* "q" \r\nBcc: all@example.com'

LINE = Line(
    fingerprint="f1", check="drift", column="dep_delay", slice="origin=EWR", version="v3", state="firing",
    severity="page", summary="dep_delay is 2.3 sd higher than usual (PSI 0.41 of 0.25).", value=0.41, threshold=0.25,
    since=NOW, link="https://leeway.example.com/model?model=delays&range=7d",
)  # fmt: skip


def notification(**more: Any) -> Notification:
    made = Notification(
        id="ntf-1", incident="inc-1", reason=NotifyReason.FIRST, why="first notice of this incident", model="delays",
        model_name="Arrival delays", owner="flight-operations", severity="page", lines=(LINE,),
        runbook="https://runbooks.example.org/delays", link="https://leeway.example.com/model?model=delays", at=NOW,
    )  # fmt: skip
    return replace(made, **more)


def resolved(**more: Any) -> Notification:
    return notification(
        id="ntf-2", reason=NotifyReason.RESOLVED, why="resolved", lines=(replace(LINE, state="resolved"),), **more
    )


def question(state: State = "waiting", **more: Any) -> Notification:
    line = replace(
        LINE, check="promote version 2", column="", slice="", version="2", state=state, severity="ticket",
        summary="Better: MAE 5.6 instead of 15.9 min.", value=None, threshold=None,
    )  # fmt: skip
    reason = NotifyReason.DECIDED if state == "decided" else NotifyReason.QUESTION
    why = "a person has to decide"
    return notification(id=f"q-{state}", reason=reason, why=why, severity="ticket", lines=(line,), **more)


NASTY_ONE = notification(
    model_name=NASTY, owner=NASTY, why=NASTY, lines=(replace(LINE, summary=NASTY, column=NASTY, link=NASTY),) * 40,
    runbook="javascript:alert(1)", link="",
)  # fmt: skip
