"""GitHub Actions, Airflow 3 and MLflow as far as dispatchers use them: real HTTP servers with their answers.

Airflow's and MLflow's answers were compared with those of real servers (Airflow 3.3.2, MLflow 3.17.2) on 2026-11-26.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.dispatchers.servers import Answer, Asked, Server, serving

REPOSITORY = "/repos/acme/models"


class Platform(Protocol):
    server: Server


@contextmanager
def running(platform: Platform) -> Iterator[None]:
    with serving(platform.server):
        yield


class GitHub:
    """Workflow runs of one repository. `told`: whether a dispatch is answered with the run's id (200, since 2026-02-19)
    or with 204. `hidden`: runs that are not listed yet, as the list lags behind."""

    def __init__(self, told: bool = True, token: str = "ghp-0123456789") -> None:
        self.told, self.token, self.hidden = told, token, False
        self.runs: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.cancelled: list[int] = []
        self.server = Server(self.handle)

    def handle(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401, {"message": "Bad credentials", "status": "401"})
        assert asked.headers["x-github-api-version"] == "2026-03-10"
        path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        if match := re.fullmatch(rf"{REPOSITORY}/actions/workflows/([\w.-]+)/dispatches", path):
            return self.dispatch(match[1], asked.json)
        if match := re.fullmatch(rf"{REPOSITORY}/actions/workflows/([\w.-]+)/runs", path):
            assert query["event"] == ["workflow_dispatch"] and query["created"][0].startswith(">=20")
            found = [] if self.hidden else [r for r in self.runs if r["path"].endswith(match[1])]
            return Answer(200, {"total_count": len(found), "workflow_runs": found[::-1]})
        if match := re.fullmatch(rf"{REPOSITORY}/actions/runs/(\d+)(/jobs|/cancel)?", path):
            run = next((r for r in self.runs if r["id"] == int(match[1])), None)
            if run is None:
                return Answer(404, {"message": "Not Found", "status": "404"})
            if match[2] == "/jobs":
                job = {"id": 71, "check_run_url": f"https://api.github.com{REPOSITORY}/check-runs/71"}
                return Answer(200, {"total_count": 1, "jobs": [job]})
            if match[2] == "/cancel":
                if run["status"] == "completed":
                    return Answer(409, {"message": "Cannot cancel a workflow run that is completed."})
                self.cancelled.append(run["id"])
                run |= {"status": "completed", "conclusion": "cancelled"}
                return Answer(202, {})
            return Answer(200, run)
        if path == f"{REPOSITORY}/check-runs/71/annotations":
            return Answer(200, self.notices)
        return Answer(404, {"message": "Not Found", "status": "404"})

    def dispatch(self, workflow: str, body: dict[str, Any]) -> Answer:
        if body["ref"] != "main":
            return Answer(422, {"message": f"No ref found for: {body['ref']}"})
        if unknown := set(body["inputs"]) - {"order", "payload"}:
            return Answer(422, {"message": f"Unexpected inputs provided: {sorted(unknown)}"})
        number = 5_000_000_000 + len(self.runs)
        link = f"https://github.com/acme/models/actions/runs/{number}"
        self.runs.append({
            "id": number, "name": "Retrain", "display_title": f"Retrain {body['inputs']['order']}",
            "path": f".github/workflows/{workflow}", "event": "workflow_dispatch", "status": "queued",
            "conclusion": None, "html_url": link,
        })  # fmt: skip
        if not (self.told and body.get("return_run_details")):
            return Answer(204)
        api = f"https://api.github.com{REPOSITORY}/actions/runs/{number}"
        return Answer(200, {"workflow_run_id": number, "run_url": api, "html_url": link})


class Airflow:
    """DAG runs of Airflow 3, with a user that may sign in."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.paused, self.returned = False, dict[str, Any]()
        self.tasks: list[dict[str, Any]] = []
        self.server = Server(self.handle)

    def handle(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if path == "/auth/token":
            if asked.json != {"username": "leeway", "password": "hunter2-hunter2"}:
                return Answer(401, {"detail": "Invalid credentials"})
            return Answer(201, {"access_token": "a.jwt.token"})
        if asked.headers.get("authorization") != "Bearer a.jwt.token":
            return Answer(401, {"detail": "Not authenticated"})
        parts = [unquote(one) for one in path.split("/")]
        assert parts[:4] == ["", "api", "v2", "dags"]
        dag, rest = parts[4], parts[5:]
        if dag not in ("retrain", "promote"):
            return Answer(404, {"detail": f"DAG with dag_id: '{dag}' not found"})
        if not rest:
            return Answer(200, {"dag_id": dag, "is_paused": self.paused})
        if asked.method == "POST":
            return self.trigger(dag, asked.json)
        run = self.runs.get((dag, rest[1]))
        if run is None:
            words = f"The DagRun with dag_id: `{dag}` and run_id: `{rest[1]}` was not found"
            return Answer(404, {"detail": words})
        if asked.method == "PATCH":
            assert asked.path.endswith("?update_mask=state") and asked.json == {"state": "failed"}
            run["state"] = "failed"
            return Answer(200, run)
        if rest[2:3] == ["taskInstances"]:
            if rest[4:5] == ["xcomEntries"]:
                value = self.returned.get(rest[3])
                if value is None:
                    return Answer(404, {"detail": f"XCom entry with key: `{rest[5]}` not found"})
                return Answer(200, {"key": rest[5], "task_id": rest[3], "value": value})
            return Answer(200, {"task_instances": self.tasks, "total_entries": len(self.tasks)})
        return Answer(200, run)

    def trigger(self, dag: str, body: dict[str, Any]) -> Answer:
        if set(body) - {"dag_run_id", "logical_date", "conf", "note", "run_after"} or "logical_date" not in body:
            return Answer(422, {"detail": [{"type": "extra_forbidden"}]})
        assert re.fullmatch(r"[A-Za-z0-9_.~:+-]+", body["dag_run_id"])
        if (dag, body["dag_run_id"]) in self.runs:
            return Answer(409, {"detail": {"reason": "Unique constraint violation"}})
        run = {"dag_run_id": body["dag_run_id"], "dag_id": dag, "state": "queued", "conf": body["conf"]}
        self.runs[(dag, body["dag_run_id"])] = run
        return Answer(200, run)


class Registry:
    """A registered model of MLflow."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.alias: str | None = None
        self.server = Server(self.handle)

    def add(self, status: str = "READY", **tags: str) -> str:
        number = str(len(self.versions) + 1)
        kept = [{"key": key, "value": value} for key, value in tags.items()]
        self.versions.append({"name": "eta", "version": number, "status": status, "run_id": "r1", "tags": kept})
        return number

    def handle(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/api/2.0/mlflow/")
        if path == "registered-models/alias" and asked.method == "POST":
            body = asked.json
            if body["version"] not in [one["version"] for one in self.versions]:
                return _missing(f"Model Version (name={body['name']}, version={body['version']}) not found")
            self.alias = body["version"]
            return Answer(200, {})
        if path == "registered-models/alias":
            if self.alias is None:
                words = f"Registered model alias {query['alias']} not found."
                return Answer(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": words})
            return Answer(200, {"model_version": {"name": "eta", "version": self.alias}})
        if path == "model-versions/get":
            found = [one for one in self.versions if one["version"] == query["version"]]
            return Answer(200, {"model_version": found[0]}) if found else _missing("Model Version not found")
        if path == "model-versions/search":
            match = re.fullmatch(r"name='eta' and tags\.`(\w+)` = '([^']*)'", query["filter"])
            assert match is not None
            tag = {"key": match[1], "value": match[2]}
            found = [one for one in self.versions if tag in one["tags"]]
            return Answer(200, {"model_versions": found[::-1]} if found else {})
        if path == "runs/get":
            return Answer(200, {"run": {"data": {"metrics": [{"key": "auc", "value": 0.81, "step": 0}]}}})
        return Answer(404, {"error_code": "ENDPOINT_NOT_FOUND"})


def _missing(words: str) -> Answer:
    return Answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": words})
