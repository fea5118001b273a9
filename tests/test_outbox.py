"""The outbox: rows are leased once, finished by whoever holds the claim, and kept in order; on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from monitoring.store import outbox
from monitoring.store.database import reading, transaction
from monitoring.store.outbox import Leased
from monitoring.store.tables import OutboxRow

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def put(store: Engine, key: str, target: str = "slack", order: str = "", at: float = 0, **more: Any) -> bool:
    with transaction(store) as session:
        return outbox.put(session, "notification", key, target, {"key": key}, order or key, after(at), **more)


def lease(store: Engine, at: float = 0, token: str = "a", limit: int = 10, **more: Any) -> list[Leased]:
    with transaction(store) as session:
        return outbox.lease(session, after(at), token, seconds=60, limit=limit, **more)


def finish(store: Engine, leased: Leased, at: float = 0) -> bool:
    with transaction(store) as session:
        return outbox.finish(session, leased, after(at))


def keys(found: list[Leased]) -> list[str]:
    return [row.dedup_key for row in found]


def row(store: Engine, key: str) -> OutboxRow:
    with reading(store) as session:
        return session.scalars(select(OutboxRow).where(OutboxRow.dedup_key == key)).one()


def test_a_duplicate_is_ignored_for_the_same_target_only(store: Engine) -> None:
    assert put(store, "one") and not put(store, "one") and put(store, "one", target="mail")


def test_what_is_put_is_gone_with_the_transaction_that_fails(store: Engine) -> None:
    with pytest.raises(ZeroDivisionError), transaction(store) as session:
        outbox.put(session, "notification", "one", "slack", {}, "g", NOW)
        1 / 0
    assert lease(store) == []


def test_a_row_is_leased_once_and_again_when_its_claim_has_run_out(store: Engine) -> None:
    put(store, "one")
    first = lease(store, token="a")
    assert keys(first) == ["one"] and first[0].attempts == 1
    assert lease(store, 59, token="b") == []
    second = lease(store, 60, token="b")
    assert keys(second) == ["one"] and second[0].attempts == 2
    assert not finish(store, first[0]), "the claim has passed to another"
    assert finish(store, second[0], 61) and row(store, "one").sent_at == after(61)
    assert lease(store, 9999) == []


def test_nothing_is_leased_before_it_is_due(store: Engine) -> None:
    put(store, "one", due_at=after(30))
    assert lease(store, 29) == [] and keys(lease(store, 30)) == ["one"]


def test_the_order_of_a_lane_is_kept_whatever_is_due(store: Engine) -> None:
    put(store, "one", order="g", due_at=after(30))
    put(store, "two", order="g")
    put(store, "two", order="g", target="mail")
    put(store, "other", order="h")
    assert sorted((r.dedup_key, r.target) for r in lease(store)) == [("other", "slack"), ("two", "mail")]
    first = lease(store, 30)
    assert keys(first) == ["one"] and lease(store, 30) == []
    finish(store, first[0])
    assert keys(lease(store, 31)) == ["two"]


@pytest.mark.parametrize("ending", ["dead", "cancelled"])
def test_a_lane_goes_on_when_its_first_row_is_given_up_or_taken_back(store: Engine, ending: str) -> None:
    put(store, "one", order="g")
    put(store, "two", order="g", at=1)
    if ending == "dead":
        (first,) = lease(store)
        with transaction(store) as session:
            assert outbox.dead(session, first, "HTTP 400")
    else:
        with transaction(store) as session:
            assert outbox.cancel(session, "one", "resolved before it was sent") == 1
    assert row(store, "one").state == ending
    assert keys(lease(store, 1)) == ["two"]


def test_a_retry_waits_and_keeps_its_error(store: Engine) -> None:
    put(store, "one")
    (first,) = lease(store)
    with transaction(store) as session:
        assert outbox.retry(session, first, after(300), "HTTP 500")
    assert lease(store, 299) == [] and row(store, "one").last_error == "HTTP 500"
    assert [r.attempts for r in lease(store, 300)] == [2]


def test_pages_go_first_and_one_row_a_target_at_a_time(store: Engine) -> None:
    put(store, "ticket")
    put(store, "page", urgent=True, at=1)
    put(store, "by mail", target="mail", at=1)
    assert keys(lease(store, 1)) == ["page", "by mail"]
    assert lease(store, 1, busy={"slack"}) == []
    assert keys(lease(store, 1)) == ["ticket"], "another sender may take it: it is of another lane"


@pytest.mark.parametrize(("asked", "due"), [(None, 10), (120, 120)])
def test_a_page_does_not_wait_for_the_pause_of_a_ticket_before_it(store: Engine, asked: int | None, due: int) -> None:
    put(store, "ticket", order="g")
    (first,) = lease(store)
    with transaction(store) as session:
        outbox.retry(session, first, after(7200), "HTTP 503", None if asked is None else after(asked))
    put(store, "page", order="g", urgent=True, at=10)
    assert row(store, "ticket").due_at == after(due), "the receiver's own wish for patience is kept"
    (again,) = lease(store, due)
    assert again.dedup_key == "ticket"
    with transaction(store) as session:
        assert outbox.urgent_behind(session, again)
    finish(store, again)
    with transaction(store) as session:
        (page,) = outbox.lease(session, after(due), "b", seconds=60, limit=1)
        assert page.dedup_key == "page" and not outbox.urgent_behind(session, page)


def test_what_is_being_sent_cannot_be_taken_back(store: Engine) -> None:
    put(store, "one")
    lease(store)
    with transaction(store) as session:
        assert outbox.cancel(session, "one", "resolved") == 0


def test_a_dead_letter_is_sent_again_or_put_away(store: Engine) -> None:
    for key in ("one", "two"):
        put(store, key)
    for _ in range(2):
        (leased,) = lease(store)
        with transaction(store) as session:
            outbox.dead(session, leased, "HTTP 400")
    with transaction(store) as session:
        assert outbox.revive(session, [row(store, "one").id], after(9)) == 1
        assert outbox.discard(session, [row(store, "two").id], after(9)) == 1
    with transaction(store) as session:
        assert outbox.revive(session, [row(store, "two").id], NOW) == 0, "it is no dead letter any more"
    assert [(r.dedup_key, r.attempts) for r in lease(store, 9)] == [("one", 1)]


def test_another_kind_is_left_to_those_who_know_it(store: Engine) -> None:
    with transaction(store) as session:
        outbox.put(session, "dispatch", "retrain", "airflow", {}, "m", NOW)
    assert lease(store) == [] and keys(lease(store, kinds=("dispatch",))) == ["retrain"]


def test_several_senders_at_once_take_every_row_once_and_in_order(store: Engine) -> None:
    for number in range(60):
        put(store, f"{number:03}", target=f"t{number % 6}", order=f"g{number % 12}")
    taken: list[Leased] = []
    lock = threading.Lock()

    def send(token: str) -> None:
        while (mine := lease(store, 1, token=token, limit=2)) or any(left(store)):
            with lock:
                taken.extend(mine)
            for one in mine:
                assert finish(store, one)

    senders = [threading.Thread(target=send, args=(f"sender {n}",)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert Counter(keys(taken)) == {f"{number:03}": 1 for number in range(60)}
    for lane in range(12):
        mine = [r.id for r in taken if r.order_key == f"g{lane}"]
        assert mine == sorted(mine) and len(mine) == 5


def left(store: Engine) -> list[int]:
    with reading(store) as session:
        return list(session.scalars(select(OutboxRow.id).where(OutboxRow.state != "sent")))
