"""Whether a receiver of a channel or a dispatcher may be reached, asked when it is saved: a mistake is then told to its
author.

It is what the guard asks at sending, which asks again: a name may lead elsewhere by then. What cannot be known yet is
no mistake: a name that does not resolve now, a secret that is only set where the worker runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol, Self

from monitoring.notifiers.guard import Forbidden
from monitoring.notifiers.http import Http
from monitoring.notifiers.secrets import REFERENCE, NotSet, Secrets

SECONDS = 2.0
"""How long a name may take to be looked up while somebody waits."""
UNSET = "\0"
"""Stands for a secret that is not set here: no text has it."""
_WITH_HOST = re.compile(r"[a-z]+://[^/?#]+[/?#]")


class Receiver(Protocol):
    """A channel or a dispatcher."""

    def expanded(self, expand: Callable[[str], str]) -> Self:
        """The same with secrets in the place of their references."""

    def check(self, http: Http) -> None:
        """Whether it may be reached, without sending. Raises guard.Forbidden and OSError."""


class _Known(Http):
    """Looks at as much of a URL as is known here."""

    def check(self, url: str) -> None:
        known, unset, _ = url.partition(UNSET)
        if not unset or _WITH_HOST.match(known):
            super().check(known)


def admit(
    receivers: Mapping[str, Receiver], http: Http, environment: Mapping[str, str], seconds: float = SECONDS
) -> None:  # fmt: skip
    """Raises Forbidden for receivers that may not be reached, each by its name, with what would let them."""
    known = _Known(http.reach, seconds=seconds, resolve=http.resolve, context=http.context, clock=http.clock)
    refused = []
    for name, receiver in receivers.items():
        secrets = Secrets(environment)
        try:
            receiver.expanded(lambda text, secrets=secrets: _expanded(text, secrets)).check(known)  # type: ignore[misc]
        except Forbidden as error:
            what = secrets.redact(f"{error.where}: {error.what}" if error.where else error.what)
            refused.append(Forbidden(what, where=name, mend=secrets.redact(error.mend)))
        except OSError:
            continue  # whether it is there is seen at sending, which tries again
    if len(refused) > 1:
        raise Forbidden(" ".join(error.sentence for error in refused))
    if refused:
        raise refused[0]


def _expanded(text: str, secrets: Secrets) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            return secrets.expand(match[0])
        except NotSet:
            return UNSET

    return REFERENCE.sub(value, text)
