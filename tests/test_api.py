"""The API from outside: tokens and their scopes, requests, and callbacks that are forged, replayed, stale or late."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from sqlalchemy import Engine, select
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.testclient import TestClient

from monitoring.__main__ import main
from monitoring.core.retraining import asking, underway
from monitoring.core.retraining.state import State
from monitoring.store import models, retrains, tokens
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import AuditRow, CallbackRow, TokenRow
from monitoring.store.tokens import TokenError
from monitoring.web import openapi
from monitoring.web.api import LARGEST, Api
from tests.conftest import unavailable
from tests.logs_of import binary_model

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLvQx"
BASE = "/v1/retrain-requests"


class Service:
    """The API over a database with one model, at a moment that a test moves."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home, self.now = url, home, NOW
        self.store = connect(url)
        create(self.store)
        self.apply(callback_secret="${CALLBACK}")
        api = Api(lambda: connect(url), lambda: self.now, {"CALLBACK": SIGNING})
        self.client = TestClient(Starlette(routes=api.routes()), raise_server_exceptions=False)

    def apply(self, **dispatcher: str) -> None:
        log = {"source": "csv", "location": str(self.home / "delays.csv")}
        document = {"kind": "webhook", "url": "https://example.com/train"} | dispatcher
        made = binary_model(log, key="delays", owner="ops", retraining={"dispatcher": document})
        with transaction(self.store) as session:
            models.apply(session, [made], self.home, "tests", NOW)

    def token(self, *scopes: str, name: str = "ci", **more: Any) -> dict[str, str]:
        with transaction(self.store) as session:
            made = tokens.make(session, name, scopes, "ann", self.now, **more)
        return {"Authorization": f"Bearer {made}"}

    def ask(self, headers: dict[str, str], **body: Any) -> httpx.Response:
        return self.client.post(BASE, headers=headers, json={"model": "delays", "reason": "AUC fell"} | body)

    def dispatched(self) -> str:
        """A request whose run is under way; its order's id."""
        self.ask(self.token("retrain:write", name="asker"))
        for act in (
            partial(asking.look, objections=(), now=self.now),
            partial(asking.approve, actor="bob", now=self.now, train_until=None),
            partial(underway.accepted, order="delays-1/1", run="run-7", words="taken", now=self.now),
        ):
            with transaction(self.store) as session:
                retrains.change(session, "delays-1", act, self.now)
        return "delays-1/1"

    def call(self, body: Any, identity: str = "cb-1", key: str = "delays-1", **how: Any) -> httpx.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        moment = how.get("at", self.now)
        signed = Webhook(how.get("secret", SIGNING)).sign(identity, moment, how.get("signed", text))
        headers = {
            "webhook-id": identity, "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": how.get("signature", signed),
        }  # fmt: skip
        headers = {name: value for name, value in headers.items() if name not in how.get("without", ())}
        return self.client.post(f"{BASE}/{key}/callback", content=text.encode(), headers=headers)

    def state(self) -> State:
        with reading(self.store) as session:
            return retrains.one(session, "delays-1").state


@pytest.fixture
def service(database: str, tmp_path: Path) -> Iterator[Service]:
    found = Service(database, tmp_path)
    yield found
    found.store.dispose()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Service]:
    found = Service(f"sqlite:///{tmp_path}/leeway.db", tmp_path)
    yield found
    found.store.dispose()


RUNNING = {"order": "delays-1/1", "state": "running", "progress": 0.4, "message": "epoch 4"}
CANDIDATE = {"order": "delays-1/1", "state": "candidate", "version": "2", "metrics": {"auc": 0.81}}


def test_a_request_is_made_once_for_an_occasion_and_read_with_its_history(service: Service) -> None:
    both = service.token("retrain:read", "retrain:write")
    made = service.ask(both, occasion="commit 4f2a")
    assert made.status_code == 201 and made.headers["location"] == f"{BASE}/delays-1"
    assert made.json()["requester"] == "token:ci" and made.json()["reason"] == "AUC fell"
    again = service.ask(both, occasion="commit 4f2a")
    assert (again.status_code, again.json()["key"]) == (200, "delays-1")
    other = service.ask(both, reason="another")
    assert (other.status_code, other.json()["key"]) == (200, "delays-1"), "one is open"
    read = service.client.get(made.headers["location"], headers=both).json()
    assert read["history"][0]["kind"] == "requested" and read["opened_at"] == "2026-06-01T12:00:00Z"
    assert {o["guard"] for o in read["objections"]}, "guards look at it as at any other"
    with reading(service.store) as session:
        assert "token:ci" in session.scalars(select(AuditRow.actor)).all()


def test_many_that_ask_at_once_make_one(service: Service) -> None:
    token = service.token("retrain:write")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(service.ask(token, occasion=str(n)).status_code))  # type: ignore[misc]
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 5 + [201]


def test_lists_are_narrowed(local: Service) -> None:
    both = local.token("retrain:read", "retrain:write")
    local.ask(both)

    def keys(query: str) -> list[str]:
        return [one["key"] for one in local.client.get(f"{BASE}{query}", headers=both).json()["requests"]]

    assert keys("") == keys("?model=delays") == keys("?state=blocked&state=requested&limit=1") == ["delays-1"]
    assert keys("?model=eta") == keys("?state=promoted") == []


@pytest.mark.parametrize("query", ["state=dancing", "limit=0", "limit=201", "limit=x", "limit=²", "who=me"])
def test_a_list_that_cannot_be_had_says_why(local: Service, query: str) -> None:
    answer = local.client.get(f"{BASE}?{query}", headers=local.token("retrain:read"))
    assert answer.status_code == 422 and answer.json()["error"]["mend"]


def test_who_has_no_token_gets_nothing(service: Service) -> None:
    good = service.token("retrain:read")["Authorization"]
    service.token("retrain:read", name="gone", expires_at=NOW + timedelta(hours=1))
    wrong = [None, "", "Bearer", "Bearer ", "Bearer lwy_x", f"Basic {good[7:]}", good[:-1], good + "x"]
    for header in wrong:
        answer = service.client.get(BASE, headers={} if header is None else {"Authorization": header})
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer", header
        assert answer.json()["error"]["mend"]
    assert service.client.get(BASE, headers={"Authorization": good}).status_code == 200


def test_a_token_does_what_its_scopes_say_until_it_expires_or_is_revoked(service: Service) -> None:
    read, write = service.token("retrain:read", name="r"), service.token("retrain:write", name="w")
    assert service.ask(read).status_code == 403 and "retrain:write" in service.ask(read).json()["error"]["what"]
    assert service.client.get(BASE, headers=write).status_code == 403
    assert service.ask(write).status_code == 201
    assert service.client.get(f"{BASE}/delays-1", headers=write).status_code == 403
    short = service.token("retrain:read", name="short", expires_at=NOW + timedelta(hours=1))
    assert service.client.get(BASE, headers=short).status_code == 200
    service.now += timedelta(hours=2)
    assert service.client.get(BASE, headers=short).status_code == 401
    with transaction(service.store) as session:
        tokens.revoke(session, "r", "ann", service.now)
    assert service.client.get(BASE, headers=read).status_code == 401


def test_a_token_is_kept_as_a_hash(local: Service) -> None:
    made = local.token("retrain:read")["Authorization"].removeprefix("Bearer ")
    assert len(made) > 40
    with reading(local.store) as session:
        kept = session.scalars(select(TokenRow)).one()
        everything = str(vars(kept)) + str(session.scalars(select(AuditRow.detail)).all())
    assert made not in everything and made[8:] not in everything and made.startswith(kept.hint)


@pytest.mark.parametrize(
    ("name", "scopes", "expires"),
    [("Ci", ["retrain:read"], None), ("", ["retrain:read"], None), ("a", [], None), ("a", ["admin"], None),
     ("ci", ["retrain:read"], None), ("a", ["retrain:read"], NOW)],
)  # fmt: skip
def test_a_token_that_cannot_be_made_says_why(
    local: Service, name: str, scopes: list[str], expires: datetime | None
) -> None:
    local.token("retrain:read")
    with pytest.raises(TokenError), transaction(local.store) as session:
        tokens.make(session, name, scopes, "ann", NOW, expires)


BODIES: dict[str, Any] = {
    "no JSON": "{", "no object": "[]", "nothing": "", "no model": {"reason": "x"}, "no reason": {"model": "delays"},
    "an empty reason": {"model": "delays", "reason": "  "}, "a number": {"model": 1, "reason": "x"},
    "more than is known": {"model": "delays", "reason": "x", "approve": True},
    "a long reason": {"model": "delays", "reason": "x" * 2001}, "null": {"model": None, "reason": "x"},
    "deep": "[" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_what_cannot_be_read_is_refused_with_the_field(local: Service, name: str) -> None:
    body = BODIES[name]
    text = body if isinstance(body, str) else json.dumps(body)
    answer = local.client.post(BASE, headers=local.token("retrain:write"), content=text.encode())
    assert answer.status_code == 422 and answer.json()["error"]["what"]


def test_a_model_that_is_not_there_is_said_with_those_that_are(local: Service) -> None:
    answer = local.ask(local.token("retrain:write"), model="nope")
    assert answer.status_code == 404 and "delays" in answer.json()["error"]["mend"]
    read = local.client.get(f"{BASE}/nope-1", headers=local.token("retrain:read", name="r"))
    assert read.status_code == 404


def test_a_body_that_is_too_large_is_not_read(local: Service) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGEST // 1024 + 2):
            yield b"x" * 1024

    for path in (BASE, f"{BASE}/delays-1/callback"):
        answer = local.client.post(path, headers=local.token("retrain:write", name=f"t{len(path)}"), content=pieces())
        assert answer.status_code == 413


def test_a_run_reports_by_signed_callbacks(service: Service) -> None:
    service.dispatched()
    assert service.call(RUNNING).status_code == 200
    assert service.state() == State.RUNNING
    answer = service.call(CANDIDATE, "cb-2")
    assert answer.json()["state"] == "candidate" and answer.json()["metrics"] == {"auc": 0.81}
    with reading(service.store) as session:
        done = session.execute(select(AuditRow.actor, AuditRow.action).where(AuditRow.actor == "callback")).all()
    assert done == [("callback", "retrain reported")] * 2


FORGED: dict[str, dict[str, Any]] = {
    "another secret": {"secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "another body": {"signed": json.dumps({**RUNNING, "progress": 0.9})},
    "no signature": {"without": ["webhook-signature"]}, "no id": {"without": ["webhook-id"]},
    "no time": {"without": ["webhook-timestamp"]}, "an empty signature": {"signature": ""},
    "no base64": {"signature": "v1,&&&"}, "another version": {"signature": "v2,AAAA"},
    "letters that are none": {"signature": "v1,\u00e4"},
    "too old": {"at": NOW - timedelta(seconds=301)}, "too new": {"at": NOW + timedelta(seconds=301)},
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_callback_that_is_forged_or_stale_is_refused_and_changes_nothing(local: Service, name: str) -> None:
    local.dispatched()
    how = FORGED[name]
    if not how.get("signature", "").isascii():
        headers = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": how["signature"].encode("latin-1")}
        answer = local.client.post(f"{BASE}/delays-1/callback", headers=headers, json=RUNNING)  # type: ignore[arg-type]
    else:
        answer = local.call(RUNNING, **how)
    assert answer.status_code == 401 and local.state() == State.DISPATCHED
    with reading(local.store) as session:
        assert not session.scalars(select(CallbackRow)).all(), "nor is its id taken"


@pytest.mark.parametrize("seconds", [-300, 299])
def test_a_callback_within_five_minutes_is_taken(local: Service, seconds: int) -> None:
    local.dispatched()
    assert local.call(RUNNING, at=NOW + timedelta(seconds=seconds)).status_code == 200


def test_a_changed_secret_may_sign_beside_the_old_one(local: Service) -> None:
    local.dispatched()
    text = json.dumps(RUNNING)
    both = [Webhook(s).sign("cb-1", NOW, text) for s in ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SIGNING)]
    assert local.call(text, signature=" ".join(both)).status_code == 200


def test_what_the_docs_say_to_sign_with_openssl_is_taken(local: Service) -> None:
    local.dispatched()
    text = (Path(__file__).parent.parent / "docs" / "dispatchers.md").read_text(encoding="utf-8")
    script = next(block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "openssl" in block)
    if shutil.which("openssl") is None:
        unavailable("NO OPENSSL: the docs' script needs it (Debian: apt-get install openssl)")
    told = "curl() { printf '%s\\0' \"$@\"; }\n" + script
    environment = {"PATH": os.environ["PATH"], "ORDER": "delays-1/1", "SECRET": SIGNING, "CALLBACK": "here"}
    done = subprocess.run(["sh", "-c", told], env=environment, capture_output=True, text=True, check=True)
    words = done.stdout.split("\0")
    headers = dict(word.split(": ", 1) for word in words if word.startswith("webhook-"))
    local.now = datetime.now(UTC)
    answer = local.client.post(f"{BASE}/delays-1/callback", content=words[words.index("-d") + 1], headers=headers)
    assert answer.status_code == 200 and local.state() == State.RUNNING


def test_a_replayed_callback_is_refused_also_where_many_come_at_once(service: Service) -> None:
    service.dispatched()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(service.call(RUNNING).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] + [409] * 5
    assert "received before" in service.call(RUNNING).json()["error"]["what"]


def test_ids_of_callbacks_are_forgotten_once_no_signature_holds_so_long(local: Service) -> None:
    local.dispatched()
    local.call(RUNNING)
    local.now += timedelta(days=2)
    local.call({**RUNNING, "progress": 0.5}, "cb-2")
    with reading(local.store) as session:
        assert session.scalars(select(CallbackRow.id)).all() == ["cb-2"]


def test_states_only_go_forward(local: Service) -> None:
    local.dispatched()
    assert local.call(CANDIDATE).status_code == 200
    for number, late in enumerate([RUNNING, {**RUNNING, "state": "failed"}, {**CANDIDATE, "version": "3"}]):
        answer = local.call(late, f"late-{number}")
        assert answer.status_code == 409 and "changes nothing any more" in answer.json()["error"]["what"]
    assert local.state() == State.CANDIDATE


def test_a_run_of_another_order_changes_nothing(local: Service) -> None:
    local.dispatched()
    assert local.call({**CANDIDATE, "order": "delays-1/2"}).status_code == 409
    assert local.call({**CANDIDATE, "order": "eta-1/1"}, "cb-2").status_code == 409
    assert local.state() == State.DISPATCHED


CALLBACKS: dict[str, Any] = {
    "no JSON": "{", "no order": {"state": "running"}, "no state": {"order": "delays-1/1"},
    "a state that is none": {**RUNNING, "state": "dancing"}, "a state of the request": {**RUNNING, "state": "promoted"},
    "more than all": {**RUNNING, "progress": 1.1}, "less than nothing": {**RUNNING, "progress": -0.1},
    "no number": {**RUNNING, "progress": "0.4"}, "a candidate without a version": {**CANDIDATE, "version": " "},
    "a metric that is no number": {**CANDIDATE, "metrics": {"auc": "high"}},
    "not a number": json.dumps({**CANDIDATE, "metrics": {"auc": float("nan")}}),
    "too many metrics": {**CANDIDATE, "metrics": {str(n): 1.0 for n in range(51)}},
    "a long message": {**RUNNING, "message": "x" * 501}, "a script": {**RUNNING, "url": "javascript:alert(1)"},
    "more than is known": {**RUNNING, "approved": True}, "a cost below nothing": {**CANDIDATE, "cost": -1},
}  # fmt: skip


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_that_cannot_be_read_is_refused_and_may_be_mended(local: Service, name: str) -> None:
    local.dispatched()
    answer = local.call(CALLBACKS[name])
    assert answer.status_code == 422 and local.state() == State.DISPATCHED
    assert local.call(RUNNING).status_code == 200, "its id is still free"


def test_whoever_has_no_secret_cannot_tell_what_is_there(local: Service) -> None:
    local.dispatched()
    wrong = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    there, nowhere = (local.call(RUNNING, key=key, secret=wrong) for key in ("delays-1", "delays-99"))
    assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json())
    local.apply()
    without = local.call(RUNNING)
    assert (without.status_code, without.json()) == (there.status_code, there.json())


def test_a_secret_that_is_not_set_is_said_by_its_name(local: Service) -> None:
    local.dispatched()
    local.apply(callback_secret="${NOT_SET_HERE}")
    answer = local.call(RUNNING)
    assert answer.status_code == 422 and "NOT_SET_HERE is not set" in answer.json()["error"]["what"]


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    api = Api(lambda: connect(f"sqlite:///{tmp_path}/empty.db"), lambda: NOW, {})
    client = TestClient(Starlette(routes=api.routes()), raise_server_exceptions=False)
    answer = client.get(BASE, headers={"Authorization": "Bearer lwy_x"})
    assert answer.status_code == 503 and "does not answer" in answer.json()["error"]["what"]


def test_the_openapi_document_is_one_and_has_every_route(local: Service) -> None:
    document = local.client.get("/v1/openapi.json").json()
    validate(document)
    told = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    own = [route for route in Api().routes() if not route.path.endswith(("openapi.json", "{rest:path}"))]
    assert told == {(route.path, method) for route in own for method in route.methods or () if method != "HEAD"}


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", BASE), ("PUT", f"{BASE}/delays-1"), ("GET", "/v1/nope"), ("GET", f"{BASE}/a/b")]
)
def test_what_is_not_there_is_said_as_any_error(local: Service, method: str, path: str) -> None:
    answer = local.client.request(method, path)
    assert answer.status_code == 404 and f"{method} {path}" in answer.json()["error"]["what"]


def test_what_is_answered_is_what_the_openapi_document_says(local: Service) -> None:
    from openapi_schema_validator import OAS31Validator

    document = openapi.document()
    both = local.token("retrain:read", "retrain:write")
    local.dispatched()
    answers = {
        "WithHistory": local.client.get(f"{BASE}/delays-1", headers=both),
        "Requests": local.client.get(BASE, headers=both),
        "Refusal": local.client.get(BASE),
        "Request": local.call(RUNNING),
    }
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        OAS31Validator(schema).validate(answer.json())
        assert set(answer.json()) == set(document["components"]["schemas"][name]["properties"])


def test_tokens_are_made_listed_and_revoked_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path}/t.db")
    assert main(["token", "make", "ci", "--scope", "retrain:read", "--scope", "retrain:write", "--days", "30"]) == 0
    out = capsys.readouterr()
    token = out.out.strip()
    assert token.startswith("lwy_") and "shown once" in out.err
    assert main(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert "ci" in listed and "retrain:read retrain:write" in listed and token not in listed
    store: Engine = connect(f"sqlite:///{tmp_path}/t.db")
    with reading(store) as session:
        found = tokens.find(session, token, datetime.now(UTC))
        assert found is not None and found.expires_at is not None
        assert replace(found, revoked_at=None).holds(datetime.now(UTC) + timedelta(days=29))
    assert main(["token", "revoke", "ci"]) == 0
    with reading(store) as session:
        assert tokens.find(session, token, datetime.now(UTC)) is None
    capsys.readouterr()
    assert main(["token", "revoke", "nobody"]) == 2
    assert "no token is called 'nobody'" in capsys.readouterr().err
    store.dispose()
