"""Microsoft Teams, by a Workflows webhook."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers import wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret

LINE = 1_500
"""Letters of one alert: a message may have 28 KB."""


@channel("teams", title="Microsoft Teams")
class Teams(Channel):
    """A card in one Teams channel, through a Workflows webhook.

    In Teams: the channel's menu, Workflows, "Post to a channel when a webhook request is received", and put its URL
    into an environment variable of the worker. The URL itself is the secret. Its host must be in
    `LEEWAY_OUTGOING_HOSTS`; those of Microsoft's Workflows are there by default.
    """

    url: Secret = Field(description="The workflow's URL, as ${NAME}.", min_length=1)

    def check(self, http: Http) -> None:
        """The URL's host, by the guard."""
        http.check(self.url)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """One Adaptive Card."""
        return http.post(self.url, json.dumps(message(notification)).encode())


def message(notification: Notification) -> dict[str, Any]:
    """A message with the card attached, as the workflow's trigger takes it."""
    lines = [_plain(wording.clip(wording.line(one), LINE)) for one in notification.lines[: wording.MOST_LINES]]
    body = [
        _plain(wording.title(notification), size="Large", weight="Bolder", color=_colour(notification)),
        _plain(f"Sent because: {wording.why(notification)}", isSubtle=True),
        *lines,
        *([_plain(wording.more(notification))] if wording.more(notification) else []),
        _plain(f"Model {notification.model}, owner {notification.owner or 'nobody'}", isSubtle=True),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": label, "url": url} for label, url in wording.links(notification)
        ],
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attached]}


def _plain(text: str, **more: Any) -> dict[str, Any]:
    """Text as it is written: a TextRun, unlike a TextBlock, knows no Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **more}]}


def _colour(notification: Notification) -> str:
    if notification.resolved:
        return "Good"
    return "Attention" if notification.severity == "page" else "Warning"
