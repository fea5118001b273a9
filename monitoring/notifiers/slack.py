"""Slack, by an incoming webhook."""

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

MARKS = {"TEST": "⚪", "RESOLVED": "✅"}
HEADER, SECTION = 150, 2_900
"""Letters that Slack takes in a header and in a section: https://docs.slack.dev/reference/block-kit/blocks"""


@channel("slack", title="Slack")
class Slack(Channel):
    """A message to one Slack channel, through an incoming webhook.

    In Slack: create an app, switch Incoming Webhooks on, add one to your channel, and put its URL
    (`https://hooks.slack.com/services/…`) into an environment variable of the worker. The URL itself is the secret.
    """

    url: Secret = Field(description="The incoming webhook's URL, as ${NAME}.", min_length=1)

    def check(self, http: Http) -> None:
        """The URL's host, by the guard."""
        http.check(self.url)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """Block Kit, with the title as what a phone shows."""
        return http.post(self.url, json.dumps(message(notification)).encode())


def message(notification: Notification) -> dict[str, Any]:
    """The payload of an incoming webhook."""
    mark = MARKS.get(wording.state(notification), "🔴" if notification.severity == "page" else "🟡")
    title = wording.clip(f"{mark} {wording.title(notification)}", HEADER)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    blocks += [_section(_line(found)) for found in notification.lines[: wording.MOST_LINES]]
    about = [f"Sent because: {wording.why(notification)}", f"Owner: {notification.owner or 'nobody'}"]
    about += [wording.more(notification)] if wording.more(notification) else []
    blocks.append(
        {"type": "context", "elements": [{"type": "plain_text", "text": wording.clip(one, SECTION)} for one in about]}
    )
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url, "action_id": f"open-{number}"}
        for number, (label, url) in enumerate(wording.links(notification))
        if len(url) <= 3_000
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": title, "blocks": blocks}


def _line(found: Any) -> str:
    subject = f"*{_escape(wording.clip(found.subject, 300))}*"
    link = _escape(found.link) if found.link.startswith(("https://", "http://")) else ""
    head = f"<{link}|{_escape(wording.clip(found.subject, 300))}>" if link and "|" not in link else subject
    since = f" Since {wording.stamp(found.since)}." if found.since else ""
    return f"{head} {found.state}\n{_escape(wording.clip(found.summary, 2_000))}{since}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION], "verbatim": True}}


def _escape(text: str) -> str:
    """So that nothing in a user's string is a link or calls the whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
