"""Tokens of the API: made once and shown once, kept as a hash, with scopes, revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitoring.errors import LeewayError
from monitoring.store.tables import AuditRow, CallbackRow, TokenRow

SCOPES = {
    "retrain:read": "see retrain requests",
    "retrain:write": "make retrain requests",
}
"""What a token may be let do."""
PREFIX = "lwy_"
BYTES = 32
USED = timedelta(minutes=1)
"""How exactly it is kept when a token was last used: not every request is to be a write."""
KEPT = timedelta(days=1)
"""How long ids of callbacks are kept: longer than their signature holds."""


class TokenError(LeewayError):
    """A token cannot be made or revoked."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token."""

    name: str
    hint: str
    scopes: tuple[str, ...]
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether it may be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def make(
    session: Session, name: str, scopes: Sequence[str], actor: str, now: datetime, expires_at: datetime | None = None
) -> str:
    """A new token: what this gives is shown once and kept nowhere. Raises TokenError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", name):
        raise TokenError(f"{name!r} is no name for a token", mend="Write small letters, digits and hyphens.")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise TokenError(f"no scope is called {unknown[0]!r}", mend=f"Known: {', '.join(SCOPES)}.")
    if not scopes:
        raise TokenError("a token needs a scope", mend=f"Known: {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise TokenError("it would have expired already", mend="Give a moment that is to come.")
    if session.scalar(select(TokenRow.id).where(TokenRow.name == name)) is not None:
        raise TokenError(f"a token is called {name!r} already", mend="Take another name: names are never used again.")
    token = PREFIX + secrets.token_urlsafe(BYTES)
    kept = sorted(set(scopes))
    session.add(
        TokenRow(
            name=name,
            digest=_digest(token),
            hint=token[: len(PREFIX) + 4],
            scopes=kept,
            made_by=actor,
            made_at=now,
            expires_at=expires_at,
        )
    )
    session.add(AuditRow(at=now, actor=actor, action="token made", subject=name, detail={"scopes": kept}))
    session.flush()
    return token


def revoke(session: Session, name: str, actor: str, now: datetime) -> None:
    """From now on it is refused. Raises TokenError for a name that is not known."""
    row = session.scalar(select(TokenRow).where(TokenRow.name == name))
    if row is None:
        raise TokenError(f"no token is called {name!r}", mend="`token list` shows all.")
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(AuditRow(at=now, actor=actor, action="token revoked", subject=name, detail={}))


def known(session: Session) -> list[Token]:
    """All of them, oldest first."""
    return [_token(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.id))]


def find(session: Session, token: str, now: datetime) -> Token | None:
    """Whose token it is, None where it is nobody's or does not hold. Found by its hash: how long the search takes says
    nothing of the token."""
    row = session.scalar(select(TokenRow).where(TokenRow.digest == _digest(token)))
    found = None if row is None else _token(row)
    return found if found is not None and found.holds(now) else None


def used(session: Session, token: Token, now: datetime) -> None:
    """Keep when it was last used, to the minute."""
    if token.used_at is None or now - token.used_at >= USED:
        row = session.scalar(select(TokenRow).where(TokenRow.name == token.name))
        if row is not None:
            row.used_at = now


def first_time(session: Session, identity: str, request: str, now: datetime) -> bool:
    """Whether a callback of this id comes for the first time. It is kept in the caller's transaction, with what the
    callback does."""
    session.execute(delete(CallbackRow).where(CallbackRow.at < now - KEPT))
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = insert(CallbackRow).values(id=identity, request=request, at=now).on_conflict_do_nothing()
    return session.execute(added.returning(CallbackRow.id)).scalar() is not None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(
        row.name, row.hint, tuple(row.scopes), row.made_by, row.made_at, row.expires_at, row.used_at, row.revoked_at
    )
