"""Microsoft Teams, by a Workflows webhook."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers import payload, wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret

LINE, ABOUT, ADDRESS = 1_500, 500, 2_000
"""Letters of one alert, of whatever else is said, and of a button's address."""
MOST = 24_000
"""Bytes of a message; Teams takes 28 KB:
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using"""


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
        return http.post(self.url, payload.encoded(message(notification)))


def message(notification: Notification) -> dict[str, Any]:
    """A message with the card attached, as the workflow's trigger takes it."""
    return payload.fitted(lambda shown: _message(notification, shown), MOST)


def _message(notification: Notification, shown: int) -> dict[str, Any]:
    further = [more for more in (wording.more(notification, shown), wording.runbook(notification)) if more]
    about = f"Model {notification.model}, owner {notification.owner or 'nobody'}"
    title = wording.clip(wording.title(notification), ABOUT)
    body = [
        _plain(title, size="Large", weight="Bolder", color=_colour(notification)),
        _plain(wording.clip(f"Sent because: {wording.why(notification)}", ABOUT), isSubtle=True),
        *(_plain(wording.clip(wording.line(one), LINE)) for one in notification.lines[:shown]),
        *(_plain(wording.clip(one, ABOUT)) for one in further),
        _plain(wording.clip(about, ABOUT), isSubtle=True),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": label, "url": url}
            for label, url in wording.links(notification)
            if len(url) <= ADDRESS
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
