"""How a request went, by what its row says of it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Boolean, Text, case, cast, func, literal, or_

from monitoring.core.outcome import CLIENT_ERROR, EXCLUDED, OK, SERVER_ERROR
from monitoring.core.profile import ColumnType
from monitoring.logs.expressions import Expression, integer, real, text_of

MEANINGS = {"ok": OK, "error": SERVER_ERROR, "client_error": CLIENT_ERROR, "left_out": EXCLUDED}
"""Status classes by what a fleet file calls them."""


def status_class(column: Expression, kind: ColumnType, meant: Mapping[str, str]) -> Expression:
    """Status class of ok | error | an HTTP code; null is excluded. `meant` says it of single statuses."""
    usual = _usual_class(column, kind)
    if not meant:
        return usual
    said: dict[int, list[str]] = {}
    for status, meaning in meant.items():
        said.setdefault(MEANINGS[meaning], []).append(status)
    text = text_of(column, kind)
    return case(*((text.in_(statuses), integer(found)) for found, statuses in said.items()), else_=usual)


def _usual_class(column: Expression, kind: ColumnType) -> Expression:
    if kind == "boolean":
        return case(
            (column.is_(None), integer(EXCLUDED)), (cast(column, Boolean), integer(OK)), else_=integer(SERVER_ERROR)
        )
    if kind == "number":
        return case(
            (column.is_(None), integer(EXCLUDED)),
            (column < real(400), integer(OK)),
            (column < real(500), integer(CLIENT_ERROR)),
            else_=integer(SERVER_ERROR),
        )
    lower = func.lower(cast(column, Text))
    first = func.substr(lower, integer(1), integer(1))
    return case(
        (column.is_(None), integer(EXCLUDED)),
        (or_(lower.in_(("ok", "success", "succeeded", "true")), first.in_(("1", "2", "3"))), integer(OK)),
        (first == literal("4"), integer(CLIENT_ERROR)),
        else_=integer(SERVER_ERROR),
    )
