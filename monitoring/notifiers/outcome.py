"""What became of sending: values, so that a sender decides and a channel only says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has taken it. `note` is what a person should know nonetheless."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not work and may work later. `after` is how many seconds the receiver asks to wait."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver, or the guard, will not have it: sending it again would be refused again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver is no more: nothing is to be sent there."""

    reason: str


Outcome = Delivered | Retry | Refused | Gone
LONGEST = 24 * 3600.0
"""Seconds that a receiver's Retry-After is believed."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a receiver answered. Header names are in small letters; `text` is the beginning of an error's body."""

    status: int
    headers: Mapping[str, str]
    text: str = ""
    host: str = ""

    @property
    def words(self) -> str:
        """In a sentence, with the beginning of its body."""
        said = " ".join(self.text.split())[:200]
        return f"{self.host} answered HTTP {self.status}" + (f": {said}" if said else "")

    def retry_after(self, now: datetime) -> float | None:
        """How many seconds it asks to wait."""
        return retry_after(self.headers.get("retry-after", ""), now)


def outcome(response: Response, now: datetime) -> Outcome:
    """The retry classes: 2xx delivered, 429 and 5xx later, 410 gone, all else refused, redirects too."""
    words = response.words
    if 200 <= response.status < 300:
        return Delivered()
    if response.status == 429 or response.status >= 500:
        return Retry(words, response.retry_after(now))
    if response.status == 410:
        return Gone(words)
    if 300 <= response.status < 400:
        return Refused(f"{words}; redirects are not followed")
    return Refused(words)


def retry_after(text: str, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, given as seconds or as a moment (RFC 9110, 10.2.3)."""
    if not text.strip():
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST) if seconds == seconds else None
