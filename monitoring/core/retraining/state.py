"""Where a retrain request is, and where it may go from there."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The states of a retrain request.

    `blocked`: a guard objects. `dispatched`: the dispatcher has taken it. `candidate`: a version has come out.
    `evaluated`: it was compared with the champion. `promoted`: it serves. `verified`: it has held since.
    """

    REQUESTED = "requested"
    BLOCKED = "blocked"
    APPROVED = "approved"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    CANDIDATE = "candidate"
    EVALUATED = "evaluated"
    PROMOTED = "promoted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"


WORDS = {
    State.REQUESTED: "Requested",
    State.BLOCKED: "Blocked",
    State.APPROVED: "Approved",
    State.DISPATCHED: "Dispatched",
    State.RUNNING: "Running",
    State.CANDIDATE: "Candidate",
    State.EVALUATED: "Evaluated",
    State.PROMOTED: "Promoted",
    State.VERIFIED: "Verified",
    State.REJECTED: "Rejected",
    State.FAILED: "Failed",
    State.TIMED_OUT: "Timed out",
    State.CANCELLED: "Cancelled",
    State.ROLLED_BACK: "Rolled back",
}
"""On screen."""

WAITING = frozenset({State.REQUESTED, State.BLOCKED})
"""Nobody has approved it yet."""
UNDER_WAY = frozenset({State.APPROVED, State.DISPATCHED, State.RUNNING})
"""A dispatcher has it, or is about to."""
CHOICE = frozenset({State.CANDIDATE, State.EVALUATED})
"""There is a candidate, to be promoted or rejected."""
OPEN = WAITING | UNDER_WAY | CHOICE
"""In the way of another request of the same model."""

NEXT: dict[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.BLOCKED, State.APPROVED, State.CANCELLED}),
    State.BLOCKED: frozenset({State.REQUESTED, State.APPROVED, State.CANCELLED}),
    State.APPROVED: UNDER_WAY | CHOICE | {State.FAILED, State.TIMED_OUT, State.CANCELLED},
    State.DISPATCHED: frozenset(
        {State.RUNNING, State.CANDIDATE, State.FAILED, State.TIMED_OUT, State.CANCELLED}
    ),
    State.RUNNING: frozenset({State.CANDIDATE, State.FAILED, State.TIMED_OUT, State.CANCELLED}),
    State.CANDIDATE: frozenset({State.EVALUATED, State.PROMOTED, State.REJECTED}),
    State.EVALUATED: frozenset({State.PROMOTED, State.REJECTED}),
    State.PROMOTED: frozenset({State.VERIFIED, State.ROLLED_BACK}),
    State.VERIFIED: frozenset({State.ROLLED_BACK}),
}  # fmt: skip
"""Which states may follow a state. Those without an entry are ends."""


def may(state: State, following: State) -> bool:
    """Whether a state may follow another."""
    return following in NEXT.get(state, frozenset())
