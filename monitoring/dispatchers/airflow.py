"""Apache Airflow 3, by its REST API v2.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Self
from urllib.parse import quote

from pydantic import Field, model_validator

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers import told
from monitoring.dispatchers.asking import asked, listed
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear, not_accepted
from monitoring.dispatchers.registry import dispatcher
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Response
from monitoring.notifiers.secrets import Secret, Template

CONFLICT, NOT_FOUND = 409, 404
DAG = r"^[A-Za-z0-9_.-]*$"
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""States of a task that has ended."""


@dispatcher("airflow", title="Airflow")
class Airflow(Dispatcher):
    """A run of a DAG of Apache Airflow 3.

    The DAG reads the order from its `conf` (`{{ dag_run.conf["id"] }}` and so on). The task named as `result_task`
    returns the version that came out, as a text or as `{"version": "7", "metrics": {"auc": 0.81}}`; without it the
    version is told by callback or found in a registry. The run's id is made from the order's, so that Airflow itself
    refuses a second one. A user's name and password get a token at `/auth/token`; or give a token. The host must be in
    `LEEWAY_OUTGOING_HOSTS`, or in `LEEWAY_PRIVATE_HOSTS` within your own network.
    """

    url: Template = Field(description="Where Airflow is: https://airflow.example.com.", min_length=1)
    dag: str = Field(pattern=DAG, min_length=1, description="The DAG that retrains.")
    promote_dag: str = Field(default="", pattern=DAG, description="The one that lets a version serve.")
    roll_back_dag: str = Field(default="", pattern=DAG, description="The one that lets the version before serve again.")
    reject_dag: str = Field(default="", pattern=DAG, description="The one that ends a rejected version's answers.")
    result_task: str = Field(default="", pattern=DAG, description="The task whose return value is the new version.")
    username: str = Field(default="", description="A user that may trigger the DAGs.")
    password: Secret = Field(default="", description="That user's password, as ${NAME}.")
    token: Secret = Field(default="", description="Or a token, as ${NAME}.")

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if bool(self.token) == bool(self.username) or bool(self.username) != bool(self.password):
            raise ValueError("give username and password, or token")
        return self

    @property
    def actions(self) -> frozenset[Action]:
        """What it has a DAG for, and to end a run."""
        return frozenset({Action.CANCEL} | {action for action in Action if self._dag(action)})

    @property
    def repeatable(self) -> bool:
        """The run's id is made from the order's."""
        return True

    def check(self, http: Http) -> None:
        """The host, by the guard."""
        http.check(self.url)

    def dispatch(self, order: Order, means: Means) -> Outcome:
        """Trigger the DAG, or mark a run as failed, which ends its tasks."""
        headers = self._headers(means)
        if not isinstance(headers, dict):
            return headers
        if order.action == Action.CANCEL:
            return self._cancel(order, means, headers)
        run = run_id(order.id)
        body = {
            "dag_run_id": run,
            "logical_date": None,
            "conf": order.as_json(),
            "note": f"Leeway: {order.reason}"[:1000],
        }
        answer = means.http.ask("POST", self._runs(order.action), json.dumps(body).encode(), headers)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            return Accepted(run, f"Airflow has taken it as {run}.")
        if isinstance(answer, Response) and answer.status == CONFLICT:
            return Accepted(run, f"Airflow had taken it before, as {run}.")
        return not_accepted(answer, means.now, unclear=())

    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """By the state of the run and of its tasks."""
        headers = self._headers(means)
        if not isinstance(headers, dict):
            return Retry(headers.reason) if isinstance(headers, Unclear) else headers
        name = run or run_id(order.id)
        place = f"{self._runs(order.action)}/{quote(name, safe='')}"
        found = asked(means, place, headers)
        if not isinstance(found, dict):
            return found
        state = told.text(found.get("state"))
        if state == "queued":
            return Report(RunState.QUEUED, message=self._why_queued(order.action, means, headers), run=name)
        if state not in ("running", "success", "failed"):
            return Retry(f"Airflow says that the run is {state or 'in no state'}")
        if state == "success":
            return self._ended_well(order, name, place, means, headers)
        tasks = asked(means, f"{place}/taskInstances?limit=100", headers)
        instances = listed(tasks, "task_instances") if isinstance(tasks, dict) else []
        if state == "failed":
            failed = [told.text(one.get("task_id")) for one in instances if one.get("state") == "failed"]
            words = f"The run failed in {', '.join(failed[:5])}." if failed else "The run failed."
            return Report(RunState.FAILED, message=words, run=name)
        over = sum(one.get("state") in OVER for one in instances)
        now = [told.text(one.get("task_id")) for one in instances if one.get("state") == "running"]
        words = f"Airflow runs {', '.join(now[:5])}." if now else ""
        return Report(RunState.RUNNING, over / len(instances) if instances else None, words, run=name)

    def _ended_well(
        self, order: Order, run: str, place: str, means: Means, headers: dict[str, str]
    ) -> Report | Retry | Refused:
        if order.action != Action.RETRAIN or not self.result_task:
            return Report(RunState.DONE, 1.0, run=run)
        entry = f"taskInstances/{quote(self.result_task)}/xcomEntries/return_value?deserialize=false&stringify=false"
        found = asked(means, f"{place}/{entry}", headers)
        if isinstance(found, Retry | Refused):
            return found
        value = (found or {}).get("value")
        if isinstance(value, str) and (inner := told.document(value)) is not None:
            value = inner
        said = value if isinstance(value, dict) else {"version": value}
        report = told.report(said | {"state": RunState.CANDIDATE})
        if report is None or not report.version:
            words = f"The run ended well, but its task {self.result_task} returned no version."
            return Report(RunState.FAILED, message=words, run=run)
        return Report(RunState.CANDIDATE, 1.0, report.message, report.version, report.metrics, report.cost, run)

    def _why_queued(self, action: Action, means: Means, headers: dict[str, str]) -> str:
        found = asked(means, f"{self._api}/dags/{quote(self._dag(action))}", headers)
        if isinstance(found, dict) and found.get("is_paused") is True:
            return f"The DAG {self._dag(action)} is paused in Airflow: unpause it there."
        return "Airflow has queued it."

    def _cancel(self, order: Order, means: Means, headers: dict[str, str]) -> Outcome:
        url = f"{self._runs(Action.RETRAIN)}/{quote(_of_run(order.run), safe='')}"
        state = asked(means, url, headers)
        if isinstance(state, Retry | Refused):
            return state
        if state is None:
            return Accepted(order.run, "Airflow knows no such run.")
        if state.get("state") in ("success", "failed"):
            return Accepted(order.run, "The run had ended before.")
        answer = means.http.ask("PATCH", f"{url}?update_mask=state", b'{"state": "failed"}', headers)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            return Accepted(order.run, "The run was marked as failed, which ends its tasks.")
        return not_accepted(answer, means.now, unclear=())

    def _headers(self, means: Means) -> dict[str, str] | Retry | Refused | Unclear:
        """With a token, which a user's name and password get. What goes wrong here has ordered nothing."""
        token = self.token
        if not token:
            body = json.dumps({"username": self.username, "password": self.password}).encode()
            answer = means.http.ask("POST", f"{self.url.rstrip('/')}/auth/token", body)
            if not isinstance(answer, Response):
                return Retry(f"signing in at Airflow: {answer.reason}")
            if not 200 <= answer.status < 300:
                found = not_accepted(answer, means.now, unclear=())
                words = f"Airflow did not let {self.username} in (HTTP {answer.status})"
                return Retry(words, found.after) if isinstance(found, Retry) else Refused(words)
            token = told.long_text((told.document(answer.text) or {}).get("access_token"))
            if not token:
                return Retry("Airflow answered what is no token")
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    @property
    def _api(self) -> str:
        return f"{self.url.rstrip('/')}/api/v2"

    def _runs(self, action: Action) -> str:
        return f"{self._api}/dags/{quote(self._dag(action))}/dagRuns"

    def _dag(self, action: Action) -> str:
        names = {
            Action.RETRAIN: self.dag, Action.PROMOTE: self.promote_dag, Action.ROLL_BACK: self.roll_back_dag,
            Action.REJECT: self.reject_dag,
        }  # fmt: skip
        return names.get(action, "")


def run_id(order: str) -> str:
    """The id of an order's run, of letters that Airflow takes: the same for the same order, another for another."""
    readable = re.sub(r"[^A-Za-z0-9_.~-]+", "_", order)[:200]
    return f"leeway_{readable}_{hashlib.sha256(order.encode()).hexdigest()[:8]}"


def _of_run(run: str) -> str:
    """A run's id; where only the order's is known, the one that was made from it."""
    return run if run.startswith("leeway_") else run_id(run)
