"""The webhook dispatcher against a real server: what it says of an order, whatever the receiver does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.dispatchers.registry import parse
from monitoring.dispatchers.use import Use
from monitoring.errors import DispatcherError
from tests.dispatchers.orders import NOW, means, order
from tests.dispatchers.servers import Trainer, trainer

SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLvQx"
ENVIRONMENT = {"SIGNING": SIGNING, "TOKEN": "tok-0123456789"}


def use(at: Trainer, home: Path, now: datetime = NOW, **more: Any) -> Use:
    document = {
        "kind": "webhook", "url": f"{at.server.url}/orders", "secret": "${SIGNING}",
        "headers": {"Authorization": "Bearer ${TOKEN}"}, "status_url": f"{at.server.url}/status?order={{order}}",
    } | more  # fmt: skip
    return Use.of(document, means(home, environment=ENVIRONMENT, clock=lambda: now))


def test_an_order_is_signed_and_whole_and_taken_once(tmp_path: Path) -> None:
    with trainer() as at:
        here = use(at, tmp_path, now=datetime.now(UTC))
        assert here.dispatch(order()) == Accepted("run-of-eta-1/1", "The receiver has taken it.")
        assert here.dispatch(order()) == Accepted("run-of-eta-1/1", "The receiver had taken it before.")
    first = at.server.of("POST")[0]
    said = Verifier(SIGNING).verify(first.body, first.headers)
    assert said["type"] == "order.retrain" and Order.from_json(said["data"]) == order()
    assert first.headers["webhook-id"] == "eta-1/1" and first.headers["authorization"] == "Bearer tok-0123456789"
    assert at.taken == ["eta-1/1"]


FAULTS: dict[str, tuple[type[Outcome], int]] = {
    "400": (Refused, 0), "404": (Refused, 0), "401": (Refused, 0), "302": (Refused, 0),
    "429": (Retry, 0), "503": (Retry, 0), "500": (Retry, 0),
    "502": (Unclear, 0), "504": (Unclear, 0), "hangs": (Unclear, 0), "lost": (Unclear, 1), "cut": (Unclear, 1),
    "malformed": (Accepted, 1),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_receiver_does_decides_what_becomes_of_an_order(fault: str, tmp_path: Path) -> None:
    kind, taken = FAULTS[fault]
    with trainer() as at:
        at.server.fail(fault)
        found = use(at, tmp_path).dispatch(order())
    assert isinstance(found, kind) and len(at.taken) == taken
    if isinstance(found, Retry):
        assert found.after == (7 if fault in ("429", "503") else None)
    if isinstance(found, Accepted):
        assert found.run == "eta-1/1", "the order's id, where no name of the run can be read"


def test_a_receiver_that_is_not_there_has_surely_not_taken_it(tmp_path: Path) -> None:
    with trainer() as at:
        here = use(at, tmp_path)
    assert isinstance(here.dispatch(order()), Retry)


def test_it_is_asked_how_a_run_stands(tmp_path: Path) -> None:
    with trainer() as at:
        here = use(at, tmp_path)
        assert here.look(order(), "") is None
        here.dispatch(order())
        at.runs["eta-1/1"] |= {"progress": 0.5, "message": "half way"}
        found = here.look(order(), "run-of-eta-1/1")
        assert found == Report(RunState.RUNNING, 0.5, "half way", run="run-of-eta-1/1")
        at.runs["eta-1/1"] |= {"state": "candidate", "version": "2", "metrics": {"auc": 0.8}, "cost": 4}
        found = here.look(order(), "run-of-eta-1/1")
        assert isinstance(found, Report) and (found.version, found.cost) == ("2", 4.0)
    verified = at.server.of("GET")[0]
    assert verified.headers["webhook-id"] == "eta-1/1" and "webhook-signature" in verified.headers


LOOKS = {
    "500": Retry, "502": Retry, "429": Retry, "401": Refused, "403": Refused, "302": Refused, "hangs": Retry,
    "malformed": Retry,
}  # fmt: skip


@pytest.mark.parametrize("fault", LOOKS)
def test_a_look_that_fails_says_nothing_of_the_run(fault: str, tmp_path: Path) -> None:
    with trainer() as at:
        here = use(at, tmp_path)
        here.dispatch(order())
        at.server.fail(fault, "GET")
        assert isinstance(here.look(order(), ""), LOOKS[fault])


def test_without_a_status_url_it_sees_nothing(tmp_path: Path) -> None:
    with trainer() as at:
        here = use(at, tmp_path, status_url="")
        assert not here.dispatcher.sees and isinstance(here.look(order(), ""), Refused)


def test_it_does_what_it_is_told_that_it_does(tmp_path: Path) -> None:
    with trainer() as at:
        assert use(at, tmp_path).dispatcher.actions == {Action.RETRAIN, Action.CANCEL}
        assert use(at, tmp_path, does=["promote"]).dispatcher.actions == {Action.PROMOTE}


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_abc"}, {"headers": {"Authorization": "Bearer x"}}, {"url": "https://u:p@example.com"},
        {"status_url": "https://u:p@example.com"}, {"does": ["dance"]}, {"webhok": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(DispatcherError):
        parse({"kind": "webhook", "url": "https://example.com/"} | wrong)


def test_a_host_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    here = Use.of({"kind": "webhook", "url": "https://example.com/orders"}, means(tmp_path))
    found = here.dispatch(order())
    assert isinstance(found, Refused) and "LEEWAY_OUTGOING_HOSTS" in found.reason


def test_no_secret_is_in_any_words(tmp_path: Path) -> None:
    with trainer() as at:
        at.server.fail("malformed", "GET")
        here = use(at, tmp_path, status_url=f"{at.server.url}/status?order=${{TOKEN}}")
        found = here.look(order(), "")
        assert "tok-0123456789" not in str(found)
        assert "tok-0123456789" in at.server.of("GET")[0].path, "it was used"


def test_a_secret_that_no_header_can_hold_is_a_refusal(tmp_path: Path) -> None:
    with trainer() as at:
        document = {"kind": "webhook", "url": at.server.url, "headers": {"X-Token": "${ODD}"}}
        here = Use.of(document, means(tmp_path, environment={"ODD": "snow☃man"}))
        found = here.dispatch(order())
        assert isinstance(found, Refused) and "snow" not in found.reason and not at.server.asked
