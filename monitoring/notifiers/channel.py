"""What every channel has: a name, which notifications it is for, and a way to send one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.secrets import Expanded


class Matchers(BaseModel):
    """Which notifications come here by default: of these owners, of these severities. Empty is any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: tuple[str, ...] = Field(default=(), description="Owners whose models are told of here. None named: all.")
    severity: tuple[Literal["page", "ticket"], ...] = Field(
        default=(), description="Severities that come here. None named: all."
    )


class Channel(BaseModel):
    """A channel as it stands in the fleet file. Its class's docstring is its help on screen."""

    model_config = ConfigDict(extra="forbid", frozen=True)
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

    def expanded(self, expand: Callable[[str], str]) -> Self:
        """The same with secrets in the place of their references. What it gives is never stored or shown."""
        values: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            if any(isinstance(mark, Expanded) for mark in field.metadata):
                value = getattr(self, name)
                values[name] = {k: expand(v) for k, v in value.items()} if isinstance(value, dict) else expand(value)
        return self.model_copy(update=values)
