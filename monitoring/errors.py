"""Every error a user can meet. Each says what is wrong, where, and how to mend it.

LeewayError
├── FleetError        the fleet file, or a model in it, cannot be used
├── MappingError      a column mapping does not fit the log
├── SourceError       a log cannot be reached or read
├── ChannelError      a channel cannot be used
├── DispatcherError   a dispatcher cannot be used
├── StoreError        the database cannot be used
└── NotPermitted      the viewer may not do this
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

KNOWN = 20
"""Names that are listed where one is not known."""


class LeewayError(Exception):
    """Base of all. `what` happened, `where` (file, model, column), and `mend`: what to do about it."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """All three as one line for a person."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        stop = "" if head.endswith((".", "!", "?", ":", ";")) else "."
        return f"{head}{stop} {self.mend}" if self.mend else head


class FleetError(LeewayError):
    """The fleet file, or a model in it, cannot be used. `problems` has each on its own, where there are several."""

    problems: tuple[str, ...] = ()


class MappingError(LeewayError):
    """A column mapping does not fit the log."""


class SourceError(LeewayError):
    """A log cannot be reached or read."""


class ChannelError(LeewayError):
    """A channel cannot be used."""


class DispatcherError(LeewayError):
    """A dispatcher cannot be used."""


class StoreError(LeewayError):
    """The database cannot be used."""


class NotPermitted(LeewayError):
    """The viewer may not do this."""


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: what it may have been meant for, and what there is."""
    there = sorted(known)
    near = difflib.get_close_matches(name, there, n=2)
    meant = f"Did you mean {' or '.join(repr(one) for one in near)}?" if near else ""
    more = ", …" if len(there) > KNOWN else ""
    listed = f"Known: {', '.join(there[:KNOWN])}{more}." if there else "There is none yet."
    return " ".join(filter(None, (meant, listed)))
