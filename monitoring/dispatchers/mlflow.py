"""The model registry of MLflow, by its REST API 2.0.

https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

from __future__ import annotations

import base64
import json
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers import told
from monitoring.dispatchers.asking import asked, listed
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, not_accepted
from monitoring.dispatchers.registry import dispatcher
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Response
from monitoring.notifiers.secrets import Secret, Template

TAGS = ("leeway_order", "leeway_request")
"""Tags of a model version that say which order, or which request, it came from."""
MISSING = (400, 404)
"""MLflow answers 400 INVALID_PARAMETER_VALUE or 404 RESOURCE_DOES_NOT_EXIST for an alias that is not set."""


@dispatcher("mlflow", title="MLflow")
class MLflow(Dispatcher):
    """Versions of a registered model of MLflow: found, promoted and rolled back. It trains nothing.

    Stands as `registry` beside the dispatcher that retrains. Training registers a version and tags it with the order's
    id: `client.set_model_version_tag(name, version, "leeway_order", order["id"])`. So it becomes the candidate, with
    the metrics of its MLflow run. Promotion sets the alias `champion` to it, a roll-back sets it back; a service that
    loads `models:/NAME@champion` follows. The host must be in `LEEWAY_OUTGOING_HOSTS`, or in `LEEWAY_PRIVATE_HOSTS`
    within your own network.
    """

    registers = True
    pace = (2.0, 30.0)

    url: Template = Field(description="The tracking server: https://mlflow.example.com.", min_length=1)
    model: str = Field(pattern=r"^[^'\"\\/:]+$", max_length=200, description="The registered model's name.")
    alias: str = Field(
        default="champion", pattern=r"^[A-Za-z0-9_-]+$", description="The alias of the version that serves."
    )
    prefix: str = Field(
        default="", max_length=20,
        description="What names of versions in the prediction log have before MLflow's number, such as v.",
    )  # fmt: skip
    token: Secret = Field(default="", description="A bearer token, as ${NAME}.")
    username: str = Field(default="", description="Or a user of MLflow's own authentication.")
    password: Secret = Field(default="", description="That user's password, as ${NAME}.")

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if (self.token and self.username) or bool(self.username) != bool(self.password):
            raise ValueError("give username and password, or token, or neither")
        return self

    @property
    def actions(self) -> frozenset[Action]:
        """It sets an alias."""
        return frozenset({Action.PROMOTE, Action.ROLL_BACK})

    @property
    def repeatable(self) -> bool:
        """To set an alias twice is to set it."""
        return True

    def check(self, http: Http) -> None:
        """The host, by the guard."""
        http.check(self.url)

    def dispatch(self, order: Order, means: Means) -> Outcome:
        """Set the alias to the order's version."""
        if order.action not in self.actions:
            return Refused("MLflow keeps versions and trains none: set it up as `registry`, beside a dispatcher")
        number = self._number(order.version)
        if not number.isdigit():
            return Refused(f"{order.version!r} is no version of {self.model} in MLflow. Is `prefix` set?")
        there = self._get("model-versions/get", means, name=self.model, version=number)
        if isinstance(there, Retry | Refused):
            return there
        if there is None:
            return Refused(f"MLflow has no version {number} of {self.model}")
        body = json.dumps({"name": self.model, "alias": self.alias, "version": number}).encode()
        answer = means.http.ask("POST", f"{self._api}/registered-models/alias", body, self._headers)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            return Accepted(order.id, f"{self.alias} of {self.model} is version {number}.")
        return not_accepted(answer, means.now, unclear=())

    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """Of a retrain: the version that is tagged with it. Else: whether the alias is where it belongs."""
        if order.action == Action.RETRAIN:
            return self._registered(order, means)
        found = self._get("registered-models/alias", means, MISSING, name=self.model, alias=self.alias)
        if not isinstance(found, dict):
            return found
        version = found.get("model_version")
        number = told.text(version.get("version")) if isinstance(version, dict) else ""
        if number != self._number(order.version):
            return None
        return Report(RunState.DONE, 1.0, f"{self.alias} of {self.model} is version {number}.", run=order.id)

    def _registered(self, order: Order, means: Means) -> Report | Retry | Refused | None:
        for tag, value in zip(TAGS, (order.id, order.request), strict=True):
            query = f"name='{self.model}' and tags.`{tag}` = '{_quoted(value)}'"
            found = self._get("model-versions/search", means, filter=query, max_results="100")
            if isinstance(found, Retry | Refused):
                return found
            versions = [one for one in listed(found or {}, "model_versions") if told.text(one.get("version")).isdigit()]
            if versions:
                return self._candidate(max(versions, key=lambda one: int(one["version"])), order, means)
        return None

    def _candidate(self, version: dict[str, Any], order: Order, means: Means) -> Report | Retry | Refused:
        number, status = told.text(version["version"]), version.get("status", "READY")
        if status == "PENDING_REGISTRATION":
            return Report(RunState.RUNNING, message=f"MLflow is registering version {number}.", run=order.id)
        if status == "FAILED_REGISTRATION":
            words = f"MLflow could not register version {number}: {told.text(version.get('status_message'))}"
            return Report(RunState.FAILED, message=words, run=order.id)
        metrics = self._metrics(told.text(version.get("run_id")), means)
        if isinstance(metrics, Retry):
            return metrics
        words = f"Version {number} of {self.model} in MLflow."
        return Report(RunState.CANDIDATE, 1.0, words, f"{self.prefix}{number}", metrics, run=order.id)

    def _metrics(self, run: str, means: Means) -> dict[str, float] | Retry:
        """What the run that made a version measured. A run that is gone, or may not be read, has none."""
        found = self._get("runs/get", means, run_id=run) if run else None
        if isinstance(found, Retry):
            return found
        inner = found.get("run") if isinstance(found, dict) else None
        data = inner.get("data") if isinstance(inner, dict) else None
        named = listed(data, "metrics") if isinstance(data, dict) else []
        pairs = ((told.text(one.get("key")), told.number(one.get("value"))) for one in named[: told.METRICS])
        return {key: value for key, value in pairs if key and value is not None}

    def _get(
        self, path: str, means: Means, missing: tuple[int, ...] = (404,), **query: str
    ) -> dict[str, Any] | Retry | Refused | None:
        return asked(means, f"{self._api}/{path}?{urlencode(query)}", self._headers, missing)

    def _number(self, version: str) -> str:
        return version.removeprefix(self.prefix)

    @property
    def _api(self) -> str:
        return f"{self.url.rstrip('/')}/api/2.0/mlflow"

    @property
    def _headers(self) -> dict[str, str]:
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


def _quoted(value: str) -> str:
    """For a filter of MLflow, which knows no escape: what it cannot hold stands for nothing that is there."""
    return value.replace("'", "").replace("\\", "")
