"""How much an alert asks of people: a page wakes somebody, a ticket waits for the morning."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Of an alert, and of a notification: the gravest of its alerts."""

    PAGE = "page"
    TICKET = "ticket"


def gravest(several: list[Severity]) -> Severity:
    """A page where there is one."""
    return Severity.PAGE if Severity.PAGE in several else Severity.TICKET
