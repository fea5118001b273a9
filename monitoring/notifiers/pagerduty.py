"""PagerDuty, by its Events API v2."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from monitoring.core.alerting.notification import Notification, NotifyReason
from monitoring.notifiers import payload, wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Outcome
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret, Template

SUMMARY, FIELD, DETAIL, ADDRESS = 1_024, 255, 1_000, 2_000
"""Letters that PagerDuty takes as a summary (https://developer.pagerduty.com/docs/events-api-v2/trigger-events/), and
those of ours in its other fields: of an event it takes 512 KB in all."""


@channel("pagerduty", title="PagerDuty")
class PagerDuty(Channel):
    """An alert of a PagerDuty service: triggered when an incident begins, resolved when nothing of it fires any more.

    In PagerDuty: Services, your service, Integrations, add "Events API V2", and put its integration key (32 letters)
    into an environment variable of the worker. All notifications of an episode update one alert (`dedup_key`). A test
    triggers an alert of severity info and resolves it at once.
    """

    routing_key: Secret = Field(description="The integration key, as ${NAME}.", min_length=1)
    url: Template = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="For accounts in the EU: https://events.eu.pagerduty.com/v2/enqueue",
    )

    def check(self, http: Http) -> None:
        """The URL's host, by the guard."""
        http.check(self.url)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """One event; two for a test."""
        for action in actions(notification):
            found = http.post(self.url, payload.encoded(event(notification, action, self.routing_key)))
            if not isinstance(found, Delivered):
                return found
        return Delivered()


def actions(notification: Notification) -> tuple[str, ...]:
    """What is done to PagerDuty's alert."""
    if notification.reason == NotifyReason.TEST:
        return ("trigger", "resolve")
    return ("resolve",) if notification.resolved else ("trigger",)


def event(notification: Notification, action: str, routing_key: str) -> dict[str, Any]:
    """The body of a request to /v2/enqueue."""
    found: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": notification.incident[:255],
    }
    if action == "resolve":
        return found
    severity = "info" if notification.reason == NotifyReason.TEST else _SEVERITY[notification.severity]
    first = notification.firing[:1] or notification.lines[:1]
    sentence = f": {first[0].summary}" if first else ""
    found["payload"] = {
        "summary": wording.clip(wording.title(notification) + sentence, SUMMARY),
        "source": wording.clip(notification.model, FIELD) or "leeway",
        "severity": severity,
        "timestamp": notification.at.isoformat(),
        "group": wording.clip(notification.owner, FIELD),
        "class": wording.clip(first[0].check, FIELD) if first else "",
        "custom_details": {
            "id": notification.id,
            "why": wording.clip(wording.why(notification), DETAIL),
            "owner": wording.clip(notification.owner, FIELD),
            "alerts": [wording.clip(wording.line(one), DETAIL) for one in notification.lines[: wording.MOST_LINES]],
            "more": wording.more(notification),
            "runbook": wording.clip(notification.runbook, DETAIL),
        },
    }
    found["client"] = "Leeway"
    addresses = [(label, url) for label, url in wording.links(notification) if len(url) <= ADDRESS]
    if addresses:
        found["links"] = [{"href": url, "text": label} for label, url in addresses]
    return found


_SEVERITY = {"page": "critical", "ticket": "warning"}
