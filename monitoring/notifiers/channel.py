"""What every channel has: a name, which notifications it is for, and a way to send one."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.secrets import Referring


class Matchers(BaseModel):
    """Which notifications come here by default: of these owners, of these severities. Empty is any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: tuple[str, ...] = Field(default=(), description="Owners whose models are told of here. None named: all.")
    severity: tuple[Literal["page", "ticket"], ...] = Field(
        default=(), description="Severities that come here. None named: all."
    )


class Channel(Referring):
    """A channel as it stands in the fleet file. Its class's docstring is its help on screen."""

    title: ClassVar[str] = ""

    name: str = Field(pattern=r"^[a-z0-9-]+$", max_length=80, description="Small letters, digits, hyphens.")
    kind: str
    matchers: Matchers = Matchers()
    fallbacks: tuple[str, ...] = Field(
        default=(), description="Channels that are told instead when this one fails, in this order."
    )

    @abstractmethod
    def send(self, notification: Notification, http: Http) -> Outcome:
        """Send one notification. Secrets are in place: it is called on what `expanded` gave."""

    def check(self, http: Http) -> None:
        """Whether its receiver may be reached, without sending. Raises guard.Forbidden and OSError."""
