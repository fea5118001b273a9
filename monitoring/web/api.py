"""The API: retrain requests are made and read with a token, and runs report by signed callbacks."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitoring.core.retraining import underway
from monitoring.core.retraining.change import Change
from monitoring.core.retraining.report import Report
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import WORDS, State
from monitoring.errors import FleetError, LeewayError
from monitoring.notifiers.registry import words
from monitoring.notifiers.secrets import Secrets
from monitoring.notifiers.signature import NotGenuine, verify
from monitoring.retraining import decisions
from monitoring.settings import load
from monitoring.store import dispatches, models, retrains, tokens
from monitoring.store.database import connect, reading, transaction
from monitoring.store.queries import retraining as queries
from monitoring.store.retrains import RetrainError
from monitoring.store.tokens import Token
from monitoring.web import openapi
from monitoring.web.api_documents import Ask, Callback, Refusal, Request, Requests, WithHistory

LARGEST = 65_536
"""Bytes of a body."""
MOST = 200
"""Requests in one list."""
NOT_GENUINE = "Sign webhook-id.webhook-timestamp.body with the dispatcher's callback_secret: see docs/api.md."
D = TypeVar("D", bound=BaseModel)


class Refused(LeewayError):
    """A request to the API that is not answered with what it asked for."""

    def __init__(self, status: int, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what, where=where, mend=mend)
        self.status = status


def _store() -> Engine:
    return connect(load().database)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Api:
    """The API's routes over a database. `environment` is where secrets of callbacks come from."""

    store: Callable[[], Engine] = _store
    clock: Callable[[], datetime] = _now
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def routes(self) -> list[Route]:
        """All of them."""
        base = "/v1/retrain-requests"
        return [
            Route(base, self._answering(self.make), methods=["POST"]),
            Route(base, self._answering(self.several), methods=["GET"]),
            Route(base + "/{key}", self._answering(self.one), methods=["GET"]),
            Route(base + "/{key}/callback", self._answering(self.callback), methods=["POST"]),
            Route("/v1/openapi.json", lambda _: JSONResponse(openapi.document()), methods=["GET"]),
            Route("/v1/{rest:path}", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def make(self, asked: Asked, body: bytes, store: Engine) -> Response:
        """Make a retrain request: 201, or 200 with the one that is there already."""
        now = self.clock()
        token = self._token(asked, store, "retrain:write", now)
        wanted = _parse(Ask, body)
        occasion = f"api {token.name} {wanted.occasion}" if wanted.occasion else ""
        with transaction(store) as session:
            try:
                model = models.watched(session, wanted.model)[0]
            except FleetError as error:
                raise Refused(404, error.what, where="model", mend=error.mend) from error
            made, new = decisions.ask(
                session, model, Cause.PERSON, wanted.reason, f"token:{token.name}", now, occasion
            )  # fmt: skip
            history = queries.history(session, made.key)
        place = {"Location": f"/v1/retrain-requests/{made.key}"}
        return _answer(WithHistory.told(made, history), 201 if new else 200, place)

    def several(self, asked: Asked, body: bytes, store: Engine) -> Response:
        """The newest requests."""
        self._token(asked, store, "retrain:read", self.clock())
        query = asked.query_params
        if unknown := set(query) - {"model", "state", "limit"}:
            raise Refused(422, "no such parameter", where=min(unknown), mend="Known: model, state, limit.")
        try:
            states = [State(name) for name in query.getlist("state")]
        except ValueError as error:
            raise Refused(422, "no such state", where="state", mend=f"Known: {', '.join(State)}.") from error
        written = query.get("limit", "50")
        if not written.isascii() or not written.isdigit() or not 1 <= int(written[:9]) <= MOST:
            raise Refused(422, f"{written[:20]!r} is no limit", where="limit", mend=f"Give a number from 1 to {MOST}.")
        with reading(store) as session:
            found = queries.requests(session, query.get("model"), int(written), states)
        return _answer(Requests(requests=[Request.of(one) for one in found]))

    def one(self, asked: Asked, body: bytes, store: Engine) -> Response:
        """One request, with its history."""
        self._token(asked, store, "retrain:read", self.clock())
        key = asked.path_params["key"]
        with reading(store) as session:
            try:
                found = retrains.one(session, key)
            except RetrainError as error:
                raise Refused(404, error.what, mend="GET /v1/retrain-requests lists them.") from error
            history = queries.history(session, key)
        return _answer(WithHistory.told(found, history))

    def callback(self, asked: Asked, body: bytes, store: Engine) -> Response:
        """What a run says of itself: genuine, new, and of the order that its request waits for."""
        now, key = self.clock(), asked.path_params["key"]
        try:
            identity = verify(asked.headers, body, self._secret(store, key), now)
        except ValueError as error:
            raise Refused(401, str(error), mend=NOT_GENUINE) from error
        said = _parse(Callback, body)
        with transaction(store) as session:
            if not tokens.first_time(session, identity, key, now):
                raise Refused(409, f"a callback with the webhook-id {identity!r} was received before")
            before = retrains.one(session, key)
            if not before.awaits(said.order):
                state = WORDS[before.state].lower()
                raise Refused(409, f"it is {state}: what a run of {said.order!r} says changes nothing any more")
            act = partial(_reported, report=said.report, now=now)
            after = retrains.change(session, key, act, now, "callback", "retrain reported").request
        return _answer(Request.of(after))

    def _secret(self, store: Engine, key: str) -> str:
        """What callbacks of a request are signed with. Who has no secret learns nothing of what there is: a request
        that is not there and one without a secret are answered as a forged signature is."""
        forged = NotGenuine("the signature does not fit: is the secret the same, and the body unchanged?")
        with reading(store) as session:
            try:
                request = retrains.one(session, key)
            except RetrainError:
                raise forged from None
            seen = dispatches.sighting(session, key)
            documents = dispatches.set_up(session, request.model)[0]
        for document in [*([seen.dispatcher] if seen else []), *documents]:
            if secret := document.get("callback_secret"):
                return Secrets(self.environment).expand(str(secret))
        raise forged

    def _token(self, asked: Asked, store: Engine, scope: str, now: datetime) -> Token:
        """Whose token it is. Raises Refused where it is nobody's, or may not do this."""
        kind, _, text = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            mend = "Send Authorization: Bearer …; `python -m monitoring token make` makes one."
            raise Refused(401, "a token is needed", mend=mend)
        with reading(store) as session:
            found = tokens.find(session, text.strip(), now)
        if found is None:
            raise Refused(401, "the token is not known, has expired or was revoked", mend="Have a new one made.")
        with transaction(store) as session:
            tokens.used(session, found, now)
        if scope not in found.scopes:
            raise Refused(403, f"the token may not do this: it lacks the scope {scope}", mend="Have a new one made.")
        return found

    def _answering(
        self, handle: Callable[[Asked, bytes, Engine], Response]
    ) -> Callable[[Asked], Awaitable[Response]]:  # fmt: skip
        async def endpoint(asked: Asked) -> Response:
            try:
                body = await _body(asked)
                return await run_in_threadpool(self._handled, handle, asked, body)
            except Refused as error:
                return _refusal(error.status, error)

        return endpoint

    def _handled(self, handle: Callable[[Asked, bytes, Engine], Response], asked: Asked, body: bytes) -> Response:
        try:
            with _disposed(self.store()) as store:
                return handle(asked, body, store)
        except Refused:
            raise
        except LeewayError as error:
            return _refusal(422, error)
        except SQLAlchemyError as error:
            return _refusal(503, LeewayError(f"the database does not answer: {type(error).__name__}"))


def _nothing(asked: Asked) -> Response:
    error = LeewayError(f"nothing answers {asked.method} {asked.url.path}", mend="/v1/openapi.json has what there is.")
    return _refusal(404, error)


@contextmanager
def _disposed(store: Engine) -> Iterator[Engine]:
    try:
        yield store
    finally:
        store.dispose()


async def _body(asked: Asked) -> bytes:
    """All of a body, unless it is too large: no more than that is ever read."""
    read = b""
    async for piece in asked.stream():
        read += piece
        if len(read) > LARGEST:
            raise Refused(413, f"the body is larger than {LARGEST // 1024} KB", mend="Send a smaller one.")
    return read


def _parse(kind: type[D], body: bytes) -> D:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        raise Refused(422, "; ".join(words(one) for one in problems[:10]), mend="See docs/api.md.") from error


def _reported(request: RetrainRequest, report: Report, now: datetime) -> Change:
    done = underway.reported(request, report, now, "callback")
    run = report.run if report.run and not done.request.run else done.request.run
    return replace(done, request=replace(done.request, run=run))


def _answer(document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(document.model_dump_json(), status, headers, "application/json")


def _refusal(status: int, error: LeewayError) -> Response:
    body = Refusal.model_validate({"error": {"what": error.what, "where": error.where, "mend": error.mend}})
    return _answer(body, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)
