"""Any receiver of your own: the notification as JSON, signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from monitoring.core.alerting.notification import Notification, NotifyReason
from monitoring.notifiers import signature
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome, Refused
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Expanded, Secret, Template, references

SECRET_HEADERS = ("authorization", "cookie", "key", "token", "secret", "password")


@channel("webhook", title="Webhook")
class Webhook(Channel):
    """A POST with the notification as JSON, signed as Standard Webhooks 1.0 says.

    The receiver checks `webhook-signature` over `webhook-id.webhook-timestamp.body` with any Standard Webhooks library,
    and drops a `webhook-id` that it has seen: the same notification may come twice. The body is
    `{"type": "alert.firing" | "alert.resolved" | "alert.test" | "retrain.waiting" | "retrain.failed" |
    "retrain.decided", "timestamp": …, "data": {…}}`.
    Make a secret with: `python -c "import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())"`.
    The host must be in `LEEWAY_OUTGOING_HOSTS`.
    """

    url: Template = Field(description="https://…; what is secret in it as ${NAME}.", min_length=1)
    secret: Secret = Field(default="", description="The signing secret, as ${NAME}. Without it nothing is signed.")
    headers: Annotated[dict[str, str], Expanded()] = Field(
        default={}, description="More headers, such as Authorization: Bearer ${NAME}."
    )

    @model_validator(mode="after")
    def _secret_headers_are_references(self) -> Self:
        check_references(self.url, self.headers)
        return self

    def check(self, http: Http) -> None:
        """The URL's host, by the guard."""
        http.check(self.url)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """The signature is of the moment of sending; the id is the notification's own."""
        document = notification.as_json()
        body = json.dumps({"type": kind(notification), "timestamp": document["at"], "data": document}).encode()
        signed = {"webhook-id": notification.id}
        if self.secret:
            try:
                signed = signature.headers(notification.id, http.clock(), body, self.secret)
            except ValueError as error:
                return Refused(str(error))
        return http.post(self.url, body, dict(self.headers) | signed)


def kind(notification: Notification) -> str:
    """The event's type, as the body names it."""
    if notification.about_retraining:
        return f"retrain.{notification.lines[0].state}"
    if notification.reason == NotifyReason.TEST:
        return "alert.test"
    return "alert.resolved" if notification.resolved else "alert.firing"


def check_references(url: str, headers: Mapping[str, str]) -> None:
    """Raises ValueError for a secret that is written out, and for what is no URL."""
    if url and not url.startswith(("https://", "http://", "${")):
        raise ValueError(f"a URL begins with https://, not with {url.partition('/')[0][:40]!r}")
    for name, value in headers.items():
        if any(word in name.lower() for word in SECRET_HEADERS) and not references(value):
            raise ValueError(f"the header {name} holds a secret: write it as ${{NAME}}")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("no user name or password in the URL: send it as a header, by ${NAME}")
