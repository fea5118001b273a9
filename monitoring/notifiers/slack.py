"""Slack, by an incoming webhook."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from monitoring.core.alerting.notification import Line, Notification
from monitoring.notifiers import payload, wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret

MARKS = {"TEST": "⚪", "RESOLVED": "✅", "DECIDED": "✅", "WAITING": "🔵"}
HEADER, SECTION, CONTEXT, BUTTON = 150, 2_900, 500, 3_000
"""Letters of a header, a section, a line of a context and a button's address: Slack takes 150, 3,000, 3,000 and 3,000
(https://docs.slack.dev/reference/block-kit/blocks)."""
MOST = 11_000
"""Bytes of a message: Slack refuses blocks of more than some 12,000 letters together as msg_blocks_too_long, which is
written nowhere (https://github.com/slackapi/bolt-js/issues/2509)."""


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
        return http.post(self.url, payload.encoded(message(notification)))


def message(notification: Notification) -> dict[str, Any]:
    """The payload of an incoming webhook."""
    return payload.fitted(lambda shown: _message(notification, shown), MOST)


def _message(notification: Notification, shown: int) -> dict[str, Any]:
    mark = MARKS.get(wording.state(notification), "🔴" if notification.severity == "page" else "🟡")
    title = wording.clip(f"{mark} {wording.title(notification)}", HEADER)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    blocks += [_section(_line(found)) for found in notification.lines[:shown]]
    about = [f"Sent because: {wording.why(notification)}", f"Owner: {notification.owner or 'nobody'}"]
    about += [more for more in (wording.runbook(notification), wording.more(notification, shown)) if more]
    blocks.append(
        {"type": "context", "elements": [{"type": "plain_text", "text": wording.clip(one, CONTEXT)} for one in about]}
    )
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url, "action_id": f"open-{number}"}
        for number, (label, url) in enumerate(wording.links(notification))
        if len(url) <= BUTTON
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": title, "blocks": blocks}


def _line(found: Line) -> str:
    """An alert; its link is left out where it is too long to stand whole."""
    subject = _escape(wording.clip(found.subject, 300))
    since = f" Since {wording.stamp(found.since)}." if found.since else ""
    rest = f" {found.state}\n{_escape(wording.clip(found.summary, 400))}{since}"
    link = _escape(found.link) if found.link.startswith(("https://", "http://")) and "|" not in found.link else ""
    linked = f"<{link}|{subject}>{rest}"
    return linked if link and len(linked) <= SECTION else f"*{subject}*{rest}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": wording.cut(text, SECTION), "verbatim": True}}


def _escape(text: str) -> str:
    """So that nothing in a user's string is a link or calls the whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
