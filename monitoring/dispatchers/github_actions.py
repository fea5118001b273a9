"""GitHub Actions, by the REST API of workflow runs.

https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event, version 2026-03-10. Since 2026-02-19
it answers with the run's id where `return_run_details` asks for it; before that it answered 204 and nothing more.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import Field

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers import told
from monitoring.dispatchers.asking import asked, listed, within
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import SERVER, Accepted, Outcome, Refused, Retry, not_accepted, not_learned
from monitoring.dispatchers.registry import dispatcher
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Response
from monitoring.notifiers.secrets import Secret, Template

VERSION = "2026-03-10"
RUN = re.compile(r"[0-9]{1,20}")
LARGEST = 60_000
"""Letters of the order that are sent: inputs may have 65,535 in all."""
CONFLICT, FORBIDDEN = 409, 403
TITLE = "leeway"
"""The title of the notice by which a run names its version."""


@dispatcher("github_actions", title="GitHub Actions")
class GitHubActions(Dispatcher):
    """A run of a workflow of a GitHub repository, by `workflow_dispatch`.

    The workflow takes the inputs `order` (its id) and `payload` (the order as JSON), and has the id in its name, which
    is how a run is found again:

        run-name: Retrain ${{ inputs.order }}
        on:
          workflow_dispatch:
            inputs: {order: {required: true}, payload: {required: true}}

    Before it ends, a step names the version by a notice:
    `echo '::notice title=leeway::{"state": "candidate", "version": "7", "metrics": {"auc": 0.81}}'` (or by callback,
    see docs/dispatchers.md). The token is a fine-grained one of the repository with Actions: write, and Checks: read
    for a private one. `api.github.com` must be in `LEEWAY_OUTGOING_HOSTS`.
    """

    settles = timedelta(minutes=2)
    pace = (5.0, 60.0)

    repository: str = Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", description="owner/name.")
    workflow: str = Field(
        pattern=r"^[A-Za-z0-9._-]+$", description="The workflow that retrains: its file's name, such as retrain.yml."
    )
    promote_workflow: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]*$", description="The one that lets a version serve."
    )
    roll_back_workflow: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]*$", description="The one that lets the version before serve again."
    )
    reject_workflow: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]*$", description="The one that ends a rejected version's answers."
    )
    ref: str = Field(default="main", min_length=1, description="The branch or tag whose workflow is run.")
    token: Secret = Field(description="The access token, as ${NAME}.", min_length=1)
    api: Template = Field(
        default="https://api.github.com", description="For an Enterprise Server: https://HOST/api/v3."
    )

    @property
    def actions(self) -> frozenset[Action]:
        """What it has a workflow for, and to end a run."""
        return frozenset({Action.CANCEL} | {action for action in Action if self._workflow(action)})

    def check(self, http: Http) -> None:
        """The API's host, by the guard."""
        http.check(self.api)

    def dispatch(self, order: Order, means: Means) -> Outcome:
        """Begin a run, or end one."""
        if order.action == Action.CANCEL:
            return self._cancel(order, means)
        inputs = {"order": order.id, "payload": _payload(order)}
        body = {"ref": self.ref, "inputs": inputs, "return_run_details": True}
        url = f"{self._repository}/actions/workflows/{quote(self._workflow(order.action))}/dispatches"
        answer = means.http.ask("POST", url, json.dumps(body).encode(), self._headers)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            found = told.document(answer.text) or {}
            run = told.text(found.get("workflow_run_id"))
            return Accepted(run if RUN.fullmatch(run) else order.id, "GitHub has taken it.", _link(found))
        if isinstance(answer, Response) and (patience := _limited(answer, means)) is not None:
            return patience
        return not_accepted(answer, means.now, unclear=[status for status in SERVER if status != 503])

    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """By its id, or by its name where that is not known."""
        if RUN.fullmatch(run):
            found = asked(means, f"{self._repository}/actions/runs/{run}", self._headers)
        else:
            found = self._by_name(order, means)
        if not isinstance(found, dict):
            return found
        name = told.text(found.get("id"))
        if not RUN.fullmatch(name):
            return Retry("GitHub answered what is no run")
        status, ending = told.text(found.get("status")), told.text(found.get("conclusion"))
        link = _link(found)
        if status != "completed":
            state = RunState.RUNNING if status == "in_progress" else RunState.QUEUED
            return Report(state, message=f"GitHub: {status.replace('_', ' ')}.", run=name, url=link)
        if ending != "success":
            words = f"The run ended as {ending.replace('_', ' ') or 'unknown'}. {link}".strip()
            return Report(RunState.FAILED, message=words, run=name, url=link)
        if order.action != Action.RETRAIN:
            return Report(RunState.DONE, 1.0, run=name, url=link)
        return self._version(name, link, means)

    def _by_name(self, order: Order, means: Means) -> dict[str, Any] | Retry | Refused | None:
        """The newest run whose name has the order's id in it."""
        since = (order.at - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = urlencode({"event": "workflow_dispatch", "created": f">={since}", "per_page": 100})
        url = f"{self._repository}/actions/workflows/{quote(self._workflow(order.action))}/runs?{query}"
        found = asked(means, url, self._headers)
        if not isinstance(found, dict):
            return found if found is not None else Refused(f"GitHub knows no workflow {self._workflow(order.action)}")
        runs = listed(found, "workflow_runs")
        return next((one for one in runs if within(order.id, one.get("display_title") or one.get("name"))), None)

    def _version(self, run: str, link: str, means: Means) -> Report | Retry | Refused:
        """What a run that ended well names in a notice."""
        jobs = asked(means, f"{self._repository}/actions/runs/{run}/jobs?per_page=100", self._headers)
        if not isinstance(jobs, dict):
            return jobs or Retry("GitHub knows no jobs of the run")
        for job in listed(jobs, "jobs"):
            number = told.text(job.get("check_run_url")).rpartition("/")[2]
            if not RUN.fullmatch(number):
                continue
            answer = means.http.ask("GET", f"{self._repository}/check-runs/{number}/annotations", None, self._headers)
            if not isinstance(answer, Response) or not 200 <= answer.status < 300:
                return not_learned(answer, means.now)
            notices = listed(told.document(f'{{"notices": {answer.text}}}') or {}, "notices")
            for notice in notices:
                words = told.document(told.long_text(notice.get("message"))) if notice.get("title") == TITLE else None
                found = told.report(words) if words else None
                if found is not None and found.version:
                    return Report(
                        RunState.CANDIDATE, 1.0, found.message, found.version, found.metrics, found.cost, run, link
                    )  # fmt: skip
        return Report(RunState.DONE, 1.0, run=run, url=link)

    def _cancel(self, order: Order, means: Means) -> Outcome:
        run = order.run
        if not RUN.fullmatch(run):
            found = self._by_name(Order.from_json(order.as_json() | {"id": run, "action": Action.RETRAIN}), means)
            if isinstance(found, Retry | Refused):
                return found
            run = told.text((found or {}).get("id"))
            if not RUN.fullmatch(run):
                return Retry("GitHub knows no such run yet")
        answer = means.http.ask("POST", f"{self._repository}/actions/runs/{run}/cancel", b"", self._headers)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            return Accepted(run, "GitHub ends the run.")
        if isinstance(answer, Response) and answer.status == CONFLICT:
            return Accepted(run, "The run had ended before.")
        return not_accepted(answer, means.now, unclear=())

    def _workflow(self, action: Action) -> str:
        names = {
            Action.RETRAIN: self.workflow, Action.PROMOTE: self.promote_workflow,
            Action.ROLL_BACK: self.roll_back_workflow, Action.REJECT: self.reject_workflow,
        }  # fmt: skip
        return names.get(action, "")

    @property
    def _repository(self) -> str:
        return f"{self.api.rstrip('/')}/repos/{self.repository}"

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }


def _payload(order: Order) -> str:
    """The order as JSON; without its evidence where that is too long."""
    whole = json.dumps(order.as_json())
    return whole if len(whole) <= LARGEST else json.dumps(order.as_json() | {"evidence": {}})


def _limited(answer: Response, means: Means) -> Retry | None:
    """GitHub answers 403 to what is too many, too."""
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status != FORBIDDEN or not limited:
        return None
    asked_for = answer.retry_after(means.now)
    if asked_for is None and (reset := answer.headers.get("x-ratelimit-reset", "")).isdigit():
        asked_for = max(0.0, int(reset) - means.now.timestamp())
    return Retry(answer.words, min(asked_for or 60.0, 3600.0))


def _link(found: dict[str, Any]) -> str:
    link = told.text(found.get("html_url"))
    return link if link.startswith("https://") else ""
