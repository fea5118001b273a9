"""An order: what a dispatcher is told to do for a retrain request. The outbox keeps it as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What is ordered."""

    RETRAIN = "retrain"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    REJECT = "reject"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Order:
    """What a dispatcher is told to do.

    `id` stays the same however often it is sent, so that a receiver can tell a repetition: it is the outbox's
    dedup_key. `request` is the key of the retrain request, `model` the model's. `version` is the candidate to promote
    or to put away, or the version to roll back to; "" where the order is to retrain. `run` is the dispatcher's own name
    of the run to cancel, else "". Rows may be learned from up to `train_until`; None leaves it to the trainer. `reason`
    is one sentence for a person, `evidence` what it rests on. `callback` is the URL that progress may be reported to.
    """

    id: str
    action: Action
    request: str
    model: str
    model_name: str
    version: str
    run: str
    train_until: datetime | None
    reason: str
    evidence: dict[str, Any]
    callback: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """As the outbox keeps it and a dispatcher sends it: moments are ISO 8601 in UTC."""
        return asdict(self) | {"action": str(self.action), "train_until": _iso(self.train_until), "at": _iso(self.at)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Order:
        """The order that `as_json` gave. Raises KeyError, TypeError or ValueError for what is none."""
        at = _moment(document["at"])
        if at is None:
            raise ValueError("an order needs `at`")
        train_until = _moment(document["train_until"])
        return cls(**{**document, "action": Action(document["action"]), "train_until": train_until, "at": at})


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
