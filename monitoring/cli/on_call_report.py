"""Who is on call, as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from monitoring.store.queries.oncall import Board, Duty


def lines(found: Board, at: datetime) -> Iterator[str]:
    """A paragraph a schedule: now, next, gaps; then who has no team."""
    if not found.duties:
        yield "No team has a schedule yet. Add people and teams on the page On-call or by `apply`: see docs/on-call.md."
    for duty in found.duties:
        yield f"{duty.name}: {_now(found, duty)}"
        if duty.next is not None:
            yield f"    next: {found.titles(duty.next.people)} from {_stamp(duty.next.start, duty.team.zone)}"
        for gap in duty.gaps:
            end = duty.ends(gap)
            until = f"until {_stamp(end, duty.team.zone)}" if end else "and longer"
            begins = "now" if gap.start == at else _stamp(gap.start, duty.team.zone)
            yield f"    gap: {begins} {until}"
        for person in found.mute(duty):
            yield f"    {found.title(person)} cannot be told: neither they nor the team have a channel"
    for owner, count in found.unowned:
        yield f"No team has the {count} {'model' if count == 1 else 'models'} of {owner or 'no owner'}."


def _now(found: Board, duty: Duty) -> str:
    end = duty.ends(duty.now)
    until = f" until {_stamp(end, duty.team.zone)}" if end else ""
    if duty.now.people:
        return f"{found.titles(duty.now.people)}{until}"
    members = found.titles(duty.team.members)
    return f"NOBODY{until}; alerts go to {f'the whole team ({members})' if members else 'the channels of the team'}"


def _stamp(moment: datetime, zone: str) -> str:
    """In the team's zone, and in UTC where that is another."""
    there = f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z}"
    return there if zone == "UTC" else f"{there} ({moment.astimezone(UTC):%a %H:%M} UTC)"
