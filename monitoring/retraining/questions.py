"""The shell of what retrain requests ask of people: told through the channels once, again each day, and when it is
decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring.core.alerting.notification import Line, Notification, NotifyReason, State
from monitoring.core.retraining.question import REPEAT, Kind, Question, answer, asked, still_asked, thread_of
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.trouble import UNTOLD
from monitoring.retraining import trouble
from monitoring.store import channels, outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched, watched
from monitoring.store.queries.retraining import history
from monitoring.store.tables import ModelRow

DECIDED = "decided"
"""The end of the name of an answer."""


def step(store: Engine, now: datetime, url: str) -> None:
    """Tell what is asked, and what was decided of what was asked, up to now. One request's trouble is its own, and
    noted in its history. Twice the same changes nothing: each has a name that the outbox takes once."""
    met: dict[str, Exception] = {}
    with reading(store) as session:  # each second: where there is nothing to tell, nothing is locked
        owners = {key: owner for key, owner in session.execute(select(ModelRow.key, ModelRow.owner))}
        there = [request for request in retrains.lively(session, now - REPEAT) if request.model in owners]
        due = []
        for request in there:
            with _own(request, met):
                if _anything(session, request, owners[request.model], now):
                    due.append(request)
    for request in due:
        with _own(request, met), transaction(store) as session:
            tell(session, watched(session, request.model)[0], request.key, now, url)
            trouble.over(session, request.key, UNTOLD, now)
    for key, error in met.items():
        trouble.met(store, key, UNTOLD, error, now)


@contextmanager
def _own(request: RetrainRequest, met: dict[str, Exception]) -> Iterator[None]:
    """Keeps a request's trouble from the others. That of the database is everybody's."""
    try:
        yield
    except SQLAlchemyError:
        raise
    except Exception as error:
        met[request.key] = error


def tell(session: Session, model: Watched, key: str, now: datetime, url: str) -> None:
    """Put into the outbox what a request asks, and the answer to what it asks no more."""
    request = retrains.one(session, key)
    told = outbox.told(session, thread_of(key))
    for name, headline in _open_questions(told).items():
        if not still_asked(request, name, now):
            heard = {row.target for row in told if row.dedup_key.startswith(f"{name}/")}
            last = answer(name, history(session, key))
            _send(session, _answered(model, request, name, headline, last, now, url), sorted(heard), now)
    question = asked(request, now)
    if question is None:
        return
    targets = channels.fitting(session, model.model.owner, "ticket")
    reached = _send(session, _asking(model, request, question, now, url), targets, now)
    if reached:
        words = "Told" if question.kind == Kind.TROUBLE else f"Asked to {question.headline}"
        retrains.note(session, key, Event(now, "notified", f"{words}: {', '.join(reached)}."), now)


def _anything(session: Session, request: RetrainRequest, owner: str, now: datetime) -> bool:
    """Whether a request has something to tell: a question that a channel has not heard in this turn, or an answer."""
    told, question = outbox.told(session, thread_of(request.key)), asked(request, now)
    if any(not still_asked(request, name, now) for name in _open_questions(told)):
        return True
    if question is None:
        return False
    heard = {row.target for row in told if row.dedup_key == question.message(now)}
    return not heard.issuperset(channels.fitting(session, owner, "ticket"))


def _open_questions(told: Sequence[outbox.Told]) -> dict[str, str]:
    """The questions that were asked and whose answer was not told, by name, with what they asked."""
    answered = {row.dedup_key.rpartition("/")[0] for row in told if row.dedup_key.endswith(f"/{DECIDED}")}
    asked_before = {row.dedup_key.rpartition("/")[0]: str(row.payload["lines"][0]["check"]) for row in told}
    return {name: headline for name, headline in asked_before.items() if name not in answered}


def _send(session: Session, notification: Notification, targets: Iterable[str], now: datetime) -> list[str]:
    """Into the outbox, a row a channel; those that had not been told this yet."""
    lane = notification.incident
    return [name for name in targets if outbox.notify(session, notification, name, lane, now)]


def _asking(model: Watched, request: RetrainRequest, question: Question, now: datetime, url: str) -> Notification:
    turn = question.turn(now)
    why = "a retrain failed" if question.kind == Kind.TROUBLE else "a person has to decide"
    if turn:
        why += f"; asked again after {turn} {'day' if turn == 1 else 'days'}"
    state: State = "failed" if question.kind == Kind.TROUBLE else "waiting"
    line = _line(request, question.headline, state, question.words, question.since, url)
    return _notification(model, request, NotifyReason.QUESTION, question.message(now), why, line, now, url)


def _answered(
    model: Watched, request: RetrainRequest, name: str, headline: str, last: Event, now: datetime, url: str
) -> Notification:
    words = f"{last.words} ({last.actor})" if last.actor else last.words
    line = _line(request, headline, "decided", words, last.at, url)
    return _notification(model, request, NotifyReason.DECIDED, f"{name}/{DECIDED}", "it was decided", line, now, url)


def _line(
    request: RetrainRequest, headline: str, state: State, words: str, since: datetime, url: str
) -> Line:  # fmt: skip
    return Line(
        fingerprint=request.key, check=headline, column="", slice="", version=request.version, state=state,
        severity="ticket", summary=words, value=None, threshold=None, since=since, link=_link(request, url),
    )  # fmt: skip


def _notification(
    model: Watched, request: RetrainRequest, reason: NotifyReason, identity: str, why: str, line: Line, now: datetime,
    url: str,
) -> Notification:  # fmt: skip
    return Notification(
        id=identity, incident=thread_of(request.key), reason=reason, why=why, model=request.model,
        model_name=model.model.title, owner=model.model.owner, severity="ticket", lines=(line,),
        runbook=model.model.runbook, link=_link(request, url), at=now,
    )  # fmt: skip


def _link(request: RetrainRequest, url: str) -> str:
    return f"{url}/retraining?{urlencode({'request': request.key})}"
