"""GitHub Actions, Airflow and MLflow: what each says of an order and of its run, whatever its server does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring.core.retraining.order import Action
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers.airflow import run_id
from monitoring.dispatchers.asking import within
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.dispatchers.registry import help_of, kinds, parse
from monitoring.dispatchers.use import Use
from monitoring.errors import DispatcherError
from tests.dispatchers.orders import NOW, means, order
from tests.dispatchers.platforms import Airflow, GitHub, Registry, running

ENVIRONMENT = {"GH": "ghp-0123456789", "PASSWORD": "hunter2-hunter2", "WRONG": "wrong-wrong-wrong"}
CANCEL = order(Action.CANCEL, id="eta-1/2")


class Here:
    """One server of each platform, and dispatchers that use them."""

    def __init__(self, stack: ExitStack, home: Path) -> None:
        self.home = home
        self.github, self.airflow, self.mlflow = GitHub(), Airflow(), Registry()
        for one in (self.github, self.airflow, self.mlflow):
            stack.enter_context(running(one))  # type: ignore[arg-type]

    def use(self, kind: str, **more: Any) -> Use:
        documents: dict[str, dict[str, Any]] = {
            "github_actions": {
                "repository": "acme/models", "workflow": "retrain.yml", "token": "${GH}",
                "promote_workflow": "promote.yml", "api": self.github.server.url,
            },
            "airflow": {
                "url": self.airflow.server.url, "dag": "retrain", "promote_dag": "promote", "result_task": "publish",
                "username": "leeway", "password": "${PASSWORD}",
            },
            "mlflow": {"url": self.mlflow.server.url, "model": "eta", "prefix": "v"},
        }  # fmt: skip
        document = {"kind": kind} | documents[kind] | more
        return Use.of(document, means(self.home, environment=ENVIRONMENT))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with ExitStack() as stack:
        yield Here(stack, tmp_path)


def seen(found: Report | Retry | Refused | None) -> Report:
    assert isinstance(found, Report), found
    return found


def test_every_kind_has_its_help_and_says_what_its_fields_are() -> None:
    assert set(kinds()) == {"airflow", "command", "github_actions", "mlflow", "webhook"}
    for kind, config in kinds().items():
        assert config.title and len(help_of(kind)) > 200
        for name, field in config.model_fields.items():
            assert field.description or name == "kind", f"{kind}.{name} says nothing of itself"


# what is ordered

FAULTS: dict[str, tuple[type[Outcome], type[Outcome]]] = {
    "400": (Refused, Refused), "401": (Refused, Refused), "404": (Refused, Refused), "422": (Refused, Refused),
    "302": (Refused, Refused), "429": (Retry, Retry), "503": (Retry, Retry), "500": (Unclear, Retry),
    "502": (Unclear, Retry), "500 done": (Unclear, Retry), "hangs": (Unclear, Unclear), "lost": (Unclear, Unclear),
    "cut": (Unclear, Unclear), "malformed": (Accepted, Accepted),
}  # fmt: skip
"""By what goes wrong: of GitHub, which takes the same order twice, and of Airflow, which does not."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["github_actions", "airflow"])
def test_what_goes_wrong_decides_what_becomes_of_an_order(here: Here, kind: str, fault: str) -> None:
    if kind == "github_actions":
        here.github.server.fail(fault, "POST", "/dispatches")
    else:
        here.airflow.server.fail(fault, "POST", "/dagRuns")
    found = here.use(kind).dispatch(order())
    assert isinstance(found, FAULTS[fault][kind == "airflow"]), found


@pytest.mark.parametrize("kind", ["github_actions", "airflow", "mlflow"])
def test_a_server_that_is_not_there_has_surely_not_taken_it(tmp_path: Path, kind: str) -> None:
    with ExitStack() as stack:
        gone = Here(stack, tmp_path)
    version = {"action": Action.PROMOTE, "version": "v1"} if kind == "mlflow" else {}
    assert isinstance(gone.use(kind).dispatch(order(**version)), Retry)


def test_github_is_given_the_order_and_tells_the_runs_id(here: Here) -> None:
    found = here.use("github_actions").dispatch(order())
    link = "https://github.com/acme/models/actions/runs/5000000000"
    assert found == Accepted("5000000000", "GitHub has taken it.", link)
    body = here.github.server.of("POST")[0].json
    assert body["ref"] == "main" and body["inputs"]["order"] == "eta-1/1"
    assert json.loads(body["inputs"]["payload"]) == order().as_json()


def test_evidence_that_is_too_long_for_github_is_left_out(here: Here) -> None:
    here.use("github_actions").dispatch(order(evidence={"rows": ["x" * 1000] * 70}))
    payload = here.github.server.of("POST")[0].json["inputs"]["payload"]
    assert len(payload) < 60_000 and json.loads(payload)["evidence"] == {}


def test_where_github_tells_no_id_the_run_is_found_by_its_name(here: Here) -> None:
    here.github.told = False
    use = here.use("github_actions")
    assert use.dispatch(order()) == Accepted("eta-1/1", "GitHub has taken it.")
    use.dispatch(order(id="eta-1/11"))
    assert seen(use.look(order(), "eta-1/1")).run == "5000000000"
    assert seen(use.look(order(id="eta-1/11"), "")).run == "5000000001"


def test_an_order_that_github_took_and_never_answered_is_found_once_it_is_listed(here: Here) -> None:
    here.github.server.fail("lost", "POST", "/dispatches")
    use = here.use("github_actions")
    assert isinstance(use.dispatch(order()), Unclear)
    here.github.hidden = True
    assert use.look(order(), "") is None
    assert use.dispatcher.settles >= timedelta(minutes=1), "so long it is not believed"
    here.github.hidden = False
    assert seen(use.look(order(), "")).run == "5000000000"


@pytest.mark.parametrize(("name", "text", "is_it"), [
    ("eta-1/1", "Retrain eta-1/1", True), ("eta-1/1", "Retrain eta-1/12", False), ("eta-1/1", "beta-1/1", False),
    ("eta-1/1", "my-eta-1/1", False), ("eta-1/1", "x (eta-1/1).", True), ("eta-1/1", None, False),
])  # fmt: skip
def test_an_id_is_found_as_a_whole(name: str, text: Any, is_it: bool) -> None:
    assert within(name, text) is is_it


@pytest.mark.parametrize(("headers", "after"), [
    ({"retry-after": "30"}, 30), ({"x-ratelimit-remaining": "0"}, 60),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
])  # fmt: skip
def test_githubs_403_for_too_many_requests_is_asked_again(here: Here, headers: dict[str, str], after: float) -> None:
    from tests.dispatchers.servers import Answer

    here.github.dispatch = lambda *_: Answer(403, {"message": "rate limit"}, headers)  # type: ignore[method-assign]
    found = here.use("github_actions").dispatch(order())
    assert isinstance(found, Retry) and found.after == after


def test_airflow_refuses_the_same_order_by_itself(here: Here) -> None:
    use = here.use("airflow")
    first, second = use.dispatch(order()), use.dispatch(order())
    assert isinstance(first, Accepted) and isinstance(second, Accepted) and first.run == second.run == run_id("eta-1/1")
    assert "had taken it before" in second.note and len(here.airflow.runs) == 1
    [run] = here.airflow.runs.values()
    assert run["conf"] == order().as_json()
    assert run_id("eta-1/1") != run_id("eta-1/2") != run_id("eta-1_1")


def test_what_airflow_took_and_never_answered_is_found(here: Here) -> None:
    here.airflow.server.fail("lost", "POST", "/dagRuns")
    use = here.use("airflow")
    assert use.look(order(), "") is None
    assert isinstance(use.dispatch(order()), Unclear)
    assert seen(use.look(order(), "")).run == run_id("eta-1/1")


SIGNING_IN = {"401": Refused, "403": Refused, "500": Retry, "429": Retry, "hangs": Retry, "malformed": Retry}


@pytest.mark.parametrize("fault", SIGNING_IN)
def test_where_airflow_lets_nobody_in_nothing_was_ordered(here: Here, fault: str) -> None:
    here.airflow.server.fail(fault, "POST", "/auth/token")
    found = here.use("airflow").dispatch(order())
    assert isinstance(found, SIGNING_IN[fault]) and not here.airflow.runs
    assert "hunter2" not in str(found)


def test_airflow_takes_a_token_as_well(here: Here) -> None:
    use = here.use("airflow", username="", password="", token="${GH}")
    found = use.dispatch(order())
    assert isinstance(found, Refused) and "HTTP 401" in found.reason and "ghp" not in found.reason
    assert not here.airflow.server.of("POST", "/auth/token")


def test_mlflow_trains_nothing_and_says_where_it_belongs(here: Here) -> None:
    use = here.use("mlflow")
    assert use.dispatcher.actions == {Action.PROMOTE, Action.ROLL_BACK}
    found = use.dispatch(order())
    assert isinstance(found, Refused) and "`registry`" in found.reason


def test_mlflow_promotes_by_its_alias_and_back(here: Here) -> None:
    use = here.use("mlflow")
    here.mlflow.add()
    here.mlflow.add()
    forth, back = order(Action.PROMOTE, version="v2"), order(Action.ROLL_BACK, version="v1")
    assert use.look(forth, "") is None, "the alias is not set at all"
    assert isinstance(use.dispatch(forth), Accepted) and here.mlflow.alias == "2"
    assert seen(use.look(forth, "")).state == RunState.DONE and use.look(back, "") is None
    assert isinstance(use.dispatch(back), Accepted) and here.mlflow.alias == "1"


def test_mlflow_lets_no_version_serve_that_is_not_there(here: Here) -> None:
    use = here.use("mlflow")
    for version in ("v9", "latest", ""):
        found = use.dispatch(order(Action.PROMOTE, version=version))
        assert isinstance(found, Refused) and "version" in found.reason
    assert here.mlflow.alias is None


@pytest.mark.parametrize(("fault", "kind"), [("lost", Unclear), ("cut", Unclear), ("500", Retry), ("403", Refused)])
def test_an_alias_that_may_have_been_set_is_looked_at(here: Here, fault: str, kind: type[Outcome]) -> None:
    here.mlflow.add()
    here.mlflow.server.fail(fault, "POST", "/alias")
    use = here.use("mlflow")
    assert isinstance(use.dispatch(order(Action.PROMOTE, version="v1")), kind)
    found = use.look(order(Action.PROMOTE, version="v1"), "")
    assert (found is not None) == (fault in ("lost", "cut"))


# how a run stands

STATUSES = {
    "queued": RunState.QUEUED, "waiting": RunState.QUEUED, "pending": RunState.QUEUED, "requested": RunState.QUEUED,
    "in_progress": RunState.RUNNING,
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_githubs_run_before_it_ends(here: Here, status: str) -> None:
    use = here.use("github_actions")
    use.dispatch(order())
    here.github.runs[0]["status"] = status
    found = seen(use.look(order(), "5000000000"))
    assert found.state == STATUSES[status] and found.url.endswith("/runs/5000000000")


@pytest.mark.parametrize(
    "ending", ["failure", "cancelled", "timed_out", "startup_failure", "action_required", "skipped", None]
)
def test_githubs_run_that_ended_otherwise_has_failed(here: Here, ending: str | None) -> None:
    use = here.use("github_actions")
    use.dispatch(order())
    here.github.runs[0] |= {"status": "completed", "conclusion": ending}
    found = seen(use.look(order(), "5000000000"))
    assert found.state == RunState.FAILED and (ending or "unknown").replace("_", " ") in found.message


def test_githubs_run_names_its_version_by_a_notice(here: Here) -> None:
    use = here.use("github_actions")
    use.dispatch(order())
    here.github.runs[0] |= {"status": "completed", "conclusion": "success"}
    assert seen(use.look(order(), "5000000000")).state == RunState.DONE, "its version is still to be told"
    words = {"state": "candidate", "version": "7", "metrics": {"auc": 0.81}, "message": "x" * 900}
    here.github.notices = [
        {"title": "leeway", "message": "no JSON"}, {"title": "other", "message": json.dumps({"version": "6"})},
        {"title": None, "message": None}, {"title": "leeway", "message": json.dumps(words)},
    ]  # fmt: skip
    found = seen(use.look(order(), "5000000000"))
    assert (found.state, found.version, found.metrics) == (RunState.CANDIDATE, "7", {"auc": 0.81})
    here.github.server.fail("500", "GET", "/annotations")
    assert isinstance(use.look(order(), "5000000000"), Retry), "a version that may be there is asked for again"


def test_githubs_promotion_is_done_when_its_run_has_ended_well(here: Here) -> None:
    use = here.use("github_actions")
    promotion = order(Action.PROMOTE, version="7")
    found = use.dispatch(promotion)
    assert isinstance(found, Accepted)
    here.github.runs[0] |= {"status": "completed", "conclusion": "success"}
    assert seen(use.look(promotion, found.run)).state == RunState.DONE
    assert here.github.runs[0]["path"].endswith("promote.yml")


def test_githubs_run_is_cancelled_by_its_id_or_its_name(here: Here) -> None:
    use = here.use("github_actions")
    use.dispatch(order())
    use.dispatch(order(id="eta-2/1"))
    for run in ("5000000000", "eta-2/1"):
        cancelling = order(Action.CANCEL, id="x/2", run=run)
        assert isinstance(use.dispatch(cancelling), Accepted)
        again = use.dispatch(cancelling)
        assert isinstance(again, Accepted) and "ended before" in again.note
    assert here.github.cancelled == [5000000000, 5000000001]
    assert isinstance(use.dispatch(order(Action.CANCEL, id="x/2", run="eta-9/1")), Retry)


def test_airflows_run_from_queue_to_version(here: Here) -> None:
    use = here.use("airflow")
    use.dispatch(order())
    [run] = here.airflow.runs.values()
    assert seen(use.look(order(), "")).state == RunState.QUEUED
    here.airflow.paused = True
    assert "is paused" in seen(use.look(order(), "")).message
    run["state"] = "running"
    here.airflow.tasks = [{"task_id": "fit", "state": "success"}, {"task_id": "publish", "state": "running"}]
    found = seen(use.look(order(), run["dag_run_id"]))
    assert (found.state, found.progress, found.message) == (RunState.RUNNING, 0.5, "Airflow runs publish.")
    run["state"] = "success"
    for value in ({"version": "7", "metrics": {"auc": 0.81}}, '{"version": "7", "metrics": {"auc": 0.81}}'):
        here.airflow.returned = {"publish": value}
        found = seen(use.look(order(), run["dag_run_id"]))
        assert (found.state, found.version, found.metrics) == (RunState.CANDIDATE, "7", {"auc": 0.81})
    here.airflow.returned = {"publish": 7}
    assert seen(use.look(order(), "")).version == "7"
    here.airflow.returned = {}
    assert "returned no version" in seen(use.look(order(), "")).message
    assert seen(here.use("airflow", result_task="").look(order(), "")).state == RunState.DONE


def test_airflows_run_that_fails_says_in_which_task(here: Here) -> None:
    use = here.use("airflow")
    use.dispatch(order())
    [run] = here.airflow.runs.values()
    run["state"] = "failed"
    here.airflow.tasks = [{"task_id": "fit", "state": "failed"}, {"task_id": "publish", "state": "upstream_failed"}]
    assert seen(use.look(order(), "")) == Report(
        RunState.FAILED, message="The run failed in fit.", run=run["dag_run_id"]
    )  # fmt: skip


def test_airflows_run_is_ended_by_marking_it_as_failed(here: Here) -> None:
    use = here.use("airflow")
    use.dispatch(order())
    for run in (run_id("eta-1/1"), "eta-1/1"):
        assert isinstance(use.dispatch(order(Action.CANCEL, id="eta-1/2", run=run)), Accepted)
    assert [one["state"] for one in here.airflow.runs.values()] == ["failed"]
    assert len(here.airflow.server.of("PATCH")) == 1
    unknown = use.dispatch(order(Action.CANCEL, id="eta-1/2", run="eta-7/1"))
    assert isinstance(unknown, Accepted) and "knows no such run" in unknown.note


def test_mlflow_finds_the_version_that_is_tagged_with_the_order_or_its_request(here: Here) -> None:
    use = here.use("mlflow")
    here.mlflow.add(leeway_order="eta-1/11")
    assert use.look(order(), "") is None
    here.mlflow.add(leeway_request="eta-1")
    assert seen(use.look(order(), "")).version == "v2"
    here.mlflow.add(leeway_order="eta-1/1")
    found = seen(use.look(order(), ""))
    assert (found.version, found.metrics, found.state) == ("v3", {"auc": 0.81}, RunState.CANDIDATE)
    here.mlflow.add("PENDING_REGISTRATION", leeway_order="eta-1/1")
    assert seen(use.look(order(), "")).state == RunState.RUNNING
    here.mlflow.add("FAILED_REGISTRATION", leeway_order="eta-1/1")
    assert seen(use.look(order(), "")).state == RunState.FAILED


def test_an_id_cannot_change_what_mlflow_is_asked(here: Here) -> None:
    here.mlflow.add(leeway_order="x")
    assert here.use("mlflow").look(order(id="x' or name != '"), "") is None


LOOKS = {"500": Retry, "502": Retry, "429": Retry, "401": Refused, "403": Refused, "302": Refused, "hangs": Retry,
         "malformed": Retry}  # fmt: skip


@pytest.mark.parametrize("fault", LOOKS)
@pytest.mark.parametrize("kind", ["github_actions", "airflow", "mlflow"])
def test_a_look_that_fails_says_nothing_of_the_run(here: Here, kind: str, fault: str) -> None:
    use = here.use(kind)
    if kind == "mlflow":
        here.mlflow.add(leeway_order="eta-1/1")
    else:
        use.dispatch(order())
    {"github_actions": here.github, "airflow": here.airflow, "mlflow": here.mlflow}[kind].server.fail(fault, "GET")
    assert isinstance(use.look(order(), "5000000000" if kind == "github_actions" else ""), LOOKS[fault])


WRONG: list[dict[str, Any]] = [
    {"kind": "github_actions", "repository": "acme", "workflow": "r.yml", "token": "${GH}"},
    {"kind": "github_actions", "repository": "acme/models", "workflow": "../x", "token": "${GH}"},
    {"kind": "github_actions", "repository": "acme/models", "workflow": "r.yml", "token": "ghp_written_out"},
    {"kind": "airflow", "url": "https://a.example", "dag": "retrain"},
    {"kind": "airflow", "url": "https://a.example", "dag": "a/b", "token": "${T}"},
    {"kind": "airflow", "url": "https://a.example", "dag": "d", "username": "u", "password": "written out"},
    {"kind": "airflow", "url": "https://a.example", "dag": "d", "username": "u", "password": "${P}", "token": "${T}"},
    {"kind": "mlflow", "url": "https://m.example", "model": "e'ta"},
    {"kind": "mlflow", "url": "https://m.example", "model": "eta", "username": "u"},
    {"kind": "sagemaker"}, {}, {"kind": ["command"]},
]  # fmt: skip


@pytest.mark.parametrize("document", WRONG, ids=str)
def test_what_cannot_be_used_is_said_without_what_was_written(document: dict[str, Any]) -> None:
    with pytest.raises(DispatcherError) as caught:
        parse(document)
    assert "written" not in caught.value.sentence


@pytest.mark.parametrize("wrong", [{"id": None}, {"id": "../../x"}, {"status": None}, {"html_url": 7}], ids=str)
def test_fields_of_another_kind_end_no_look(here: Here, wrong: dict[str, Any]) -> None:
    use = here.use("github_actions")
    use.dispatch(order())
    here.github.runs[0] |= wrong
    found = use.dispatcher.look(order(), "", use.means)
    assert isinstance(found, Retry) if "id" in wrong else seen(found).state == RunState.QUEUED
