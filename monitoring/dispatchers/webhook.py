"""Any receiver of your own: the order as JSON, signed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report
from monitoring.dispatchers import told
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import GATEWAY, Accepted, Outcome, Refused, Retry, not_accepted, not_learned
from monitoring.dispatchers.registry import dispatcher
from monitoring.notifiers import signature
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Response
from monitoring.notifiers.secrets import Expanded, Secret, Template
from monitoring.notifiers.webhook import check_references

CONFLICT, NOT_FOUND = 409, 404


@dispatcher("webhook", title="Webhook")
class Webhook(Dispatcher):
    """A POST with the order as JSON, signed as Standard Webhooks 1.0 says, to a service of your own.

    The receiver checks `webhook-signature` over `webhook-id.webhook-timestamp.body` with any Standard Webhooks library.
    The body is `{"type": "order.retrain" | "order.promote" | "order.roll_back" | "order.reject" |
    "order.cancel", "timestamp": …, "data": {…}}`;
    `webhook-id` is the order's id. It answers 2xx once it has taken the order, with `{"run": "…"}` as
    its own name of the run if it has one; 409 where it had taken it before; 4xx where it never will; 429 or 503 where
    it should be asked later. Progress comes by callback (docs/dispatchers.md), or is asked for at `status_url`, which
    answers `{"state": "queued" | "running" | "candidate" | "done" | "failed", "progress": 0.4, "message": …,
    "version": …, "metrics": {…}}`, or 404 for an order that it never had.
    The host must be in `LEEWAY_OUTGOING_HOSTS`, or in `LEEWAY_PRIVATE_HOSTS` within your own network.
    """

    settles = timedelta(seconds=60)

    url: Template = Field(description="https://…; what is secret in it as ${NAME}.", min_length=1)
    secret: Secret = Field(default="", description="The signing secret, as ${NAME}. Without it nothing is signed.")
    headers: Annotated[dict[str, str], Expanded()] = Field(
        default={}, description="More headers, such as Authorization: Bearer ${NAME}."
    )
    status_url: Template = Field(
        default="", description="Where to ask how it is going; {order}, {request}, {model} and {run} are put in."
    )
    does: tuple[Action, ...] = Field(
        default=(Action.RETRAIN, Action.CANCEL),
        description="What the receiver can do: retrain, cancel, promote, roll_back, reject.",
    )
    drops_repetitions: bool = Field(
        default=False,
        description="The receiver drops a webhook-id that it has seen: after a time-out it may be sent again.",
    )

    @model_validator(mode="after")
    def _secrets_are_references(self) -> Self:
        for url in (self.url, self.status_url):
            check_references(url, self.headers)
        return self

    @property
    def actions(self) -> frozenset[Action]:
        """As it is told."""
        return frozenset(self.does)

    @property
    def sees(self) -> bool:
        """Only where it may ask."""
        return bool(self.status_url)

    @property
    def repeatable(self) -> bool:
        """As it is told."""
        return self.drops_repetitions

    def check(self, http: Http) -> None:
        """The URLs' hosts, by the guard."""
        http.check(self.url)
        if self.status_url:
            http.check(self.status_url.partition("{")[0])

    def dispatch(self, order: Order, means: Means) -> Outcome:
        """The signature is of the moment of sending; the id is the order's own."""
        document = order.as_json()
        body = json.dumps({"type": f"order.{order.action}", "timestamp": document["at"], "data": document}).encode()
        try:
            headers = self._headers(order, body, means)
        except ValueError as error:
            return Refused(str(error))
        answer = means.http.ask("POST", self.url, body, headers)
        if isinstance(answer, Response) and (200 <= answer.status < 300 or answer.status == CONFLICT):
            said = told.document(answer.text) or {}
            note = "The receiver had taken it before." if answer.status == CONFLICT else "The receiver has taken it."
            link = told.report(said | {"state": "running"})
            return Accepted(told.text(said.get("run"))[:200] or order.id, note, link.url if link else "")
        return not_accepted(answer, means.now, unclear=() if self.repeatable else GATEWAY)

    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """What `status_url` answers."""
        if not self.status_url:
            return Refused("the webhook has no status_url to ask at")
        names = {"order": order.id, "request": order.request, "model": order.model, "run": run}
        url = self.status_url
        for name, value in names.items():
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        try:
            headers = self._headers(order, b"", means)
        except ValueError as error:
            return Refused(str(error))
        answer = means.http.ask("GET", url, None, headers)
        if not isinstance(answer, Response) or not 200 <= answer.status < 300:
            unknown = isinstance(answer, Response) and answer.status == NOT_FOUND
            return None if unknown else not_learned(answer, means.now)
        said = told.document(answer.text)
        found = None if said is None else told.report(said)
        return found or Retry(f"{answer.host} answered what cannot be read as a status: {answer.text[:200]!r}")

    def _headers(self, order: Order, body: bytes, means: Means) -> dict[str, str]:
        signed = {"webhook-id": order.id}
        if self.secret:
            signed = signature.headers(order.id, means.now, body, self.secret)
        return dict(self.headers) | signed
