"""What a group has to say now, and why: news of its alerts against what receivers know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitoring.core.alerting.alert import Alert, Event, EventKind
from monitoring.core.alerting.grouping import Group, Told
from monitoring.core.alerting.notification import NotifyReason

SILENCE, INHIBITION = "silence", "inhibition"
ENDED = {
    SILENCE: (EventKind.SILENCE_ENDED, "The silence has ended, and it still fires."),
    INHIBITION: (EventKind.INHIBITION_ENDED, "What held it back has ended, and it still fires."),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds an alert back now: `by` silence or inhibition, and the words for it."""

    by: str
    why: str


@dataclass(frozen=True, slots=True)
class News:
    """An alert that receivers know less of than there is to know. What is `fresh` is for the first of a policy; the
    rest is for those who were told of it before.
    """

    alert: Alert
    reason: NotifyReason
    why: str
    fresh: bool


def news_of(group: Group, members: Sequence[Alert], holds: Mapping[str, Hold]) -> list[News]:
    """All there is to say, whether or not it is time to say it. What is held back is no news, nor is the end of what
    fires again before its end was told."""
    out = []
    firing = {a.subject.fingerprint for a in members if a.firing and a.key not in holds}
    ended = {a.subject.fingerprint for a in members if not a.open and group.of(a).firing}
    for alert in members:
        told = group.of(alert)
        if not alert.open:
            if told.firing and alert.subject.fingerprint not in firing:
                out.append(News(alert, NotifyReason.RESOLVED, f"resolved: {named(alert)}", False))
            continue
        if not alert.firing or alert.key in holds:
            continue
        if told.held == SILENCE or (told.held and not told.firing):
            words = f"no longer {'silenced' if told.held == SILENCE else 'held back'}: {named(alert)}"
            reason = NotifyReason.SILENCE_ENDED if told.held == SILENCE else NotifyReason.NEW_MEMBER
            out.append(News(alert, reason, words, True))
        elif alert.flapping and told.state != "flapping":
            words = f"flapping, so told once until it is calm: {named(alert)}"
            out.append(News(alert, NotifyReason.FLAPPING, words, not told.firing))
        elif not told.firing:
            again = "fires again" if alert.subject.fingerprint in ended else "new"
            out.append(News(alert, NotifyReason.NEW_MEMBER, f"{again}: {named(alert)}", True))
    return out


def overall(group: Group, news: Sequence[News]) -> tuple[NotifyReason, str]:
    """The reason of a whole message: bad news before good, and all of it in words."""
    order = (NotifyReason.NEW_MEMBER, NotifyReason.SILENCE_ENDED, NotifyReason.FLAPPING, NotifyReason.RESOLVED)
    reason = min((one.reason for one in news), key=order.index)
    if group.sent_at is None and reason in (NotifyReason.NEW_MEMBER, NotifyReason.FLAPPING):
        reason = NotifyReason.FIRST if reason == NotifyReason.NEW_MEMBER else reason
    return reason, "; ".join(one.why for one in news)


def held(group: Group, members: Iterable[Alert], holds: Mapping[str, Hold], now: datetime) -> tuple[Group, list[Event]]:
    """Note what is held back from now on, and what no longer is but was told before."""
    told, events = dict(group.told), []
    for alert in members:
        if not alert.firing:
            continue
        hold, known = holds.get(alert.key), group.of(alert)
        if hold is not None and hold.by != known.held:
            told[alert.key] = Told(known.state, hold.by)
            kind = EventKind.SILENCED if hold.by == SILENCE else EventKind.INHIBITED
            events.append(Event(alert.key, kind, now, hold.why))
        elif hold is None and known.held == INHIBITION and known.firing:  # they know of it: nothing new to say
            told[alert.key] = Told(known.state)
            events.append(Event(alert.key, *_ended(INHIBITION, now)))
        elif known.state == "flapping" and not alert.flapping:  # calm: the next time it flaps is told again
            told[alert.key] = replace(known, state="firing")
    return (group if told == group.told else replace(group, told=told)), events


def after(
    group: Group, members: Iterable[Alert], holds: Mapping[str, Hold], now: datetime
) -> tuple[Group, list[Event]]:
    """What receivers know once a message with all the news has gone out."""
    told, events = dict(group.told), []
    for alert in members:
        known = group.of(alert)
        if not alert.open:
            told[alert.key] = Told("resolved" if known.firing else known.state)
        elif alert.firing and alert.key not in holds:
            if known.held:
                events.append(Event(alert.key, *_ended(known.held, now)))
            told[alert.key] = Told("flapping" if alert.flapping else "firing")
    return replace(group, told=told, changed_at=None, sent_at=now, number=group.number + 1), events


def _ended(held: str, now: datetime) -> tuple[EventKind, datetime, str]:
    kind, words = ENDED[held]
    return kind, now, words


def named(alert: Alert) -> str:
    """An alert in a few words."""
    return f"{alert.rule}, {alert.subject.words}"
