"""Tokens of the API on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitoring.store.tokens import Token, TokenError


def table(tokens: Sequence[Token], now: datetime) -> list[str]:
    """A line a token; how to make the first one where there is none."""
    if not tokens:
        return ["There is no token yet. `token make NAME --scope retrain:write` makes one."]
    wide = max(len(token.name) for token in tokens)
    return [f"{token.name:{wide}}  {token.hint}…  {' '.join(token.scopes)}  {_life(token, now)}" for token in tokens]


def expiry(days: int | None, now: datetime) -> datetime | None:
    """When a token made now for so many days ends. Raises TokenError."""
    if days is None:
        return None
    if not 1 <= days <= 3_650:
        raise TokenError(f"{days} days is no time for a token", mend="Give 1 to 3650, or none.")
    return now + timedelta(days=days)


def _life(token: Token, now: datetime) -> str:
    used = f"used {_moment(token.used_at)}" if token.used_at else "never used"
    return f"made {token.made_at:%Y-%m-%d} by {token.made_by}, {used}, {_state(token, now)}"


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return f"revoked {_moment(token.revoked_at)}"
    if token.expires_at is None:
        return "holds until it is revoked"
    return f"{'holds until' if token.holds(now) else 'expired'} {_moment(token.expires_at)}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
