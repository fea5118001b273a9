"""How a flag and a status look: colour, icon and word together, everywhere the same. No data is never green."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitoring.core.alerting.severity import Severity
from monitoring.core.verdict import Flag, Status

Colour = Literal["red", "orange", "blue", "gray"]


@dataclass(frozen=True, slots=True)
class Look:
    """A word, a Material symbol, and one of the theme's colours."""

    word: str
    icon: str
    colour: Colour
    light: str
    dark: str

    @property
    def badge(self) -> str:
        """For Markdown."""
        return f":{self.colour}-badge[:material/{self.icon}: {self.word}]"


_PAGE: tuple[Colour, str, str] = ("red", "#8B1538", "#FF5C77")
_WARN: tuple[Colour, str, str] = ("orange", "#A16207", "#FFB020")
_OK: tuple[Colour, str, str] = ("blue", "#1E4E8C", "#3FA7E8")
_NONE: tuple[Colour, str, str] = ("gray", "#6B7280", "#D5DAE1")

FLAGS = {
    Flag.PAGE: Look("Page", "error", *_PAGE),
    Flag.RETRAIN: Look("Needs retraining", "model_training", *_PAGE),
    Flag.WATCH: Look("Watch", "warning", *_WARN),
    Flag.HEALTHY: Look("Healthy", "check_circle", *_OK),
}
STATUSES = {
    Status.OK: Look("ok", "check_circle", *_OK),
    Status.WARNING: Look("warning", "warning", *_WARN),
    Status.BREACHED: Look("breached", "error", *_PAGE),
    Status.FAILED: Look("failed", "report", *_PAGE),
    Status.INSUFFICIENT_DATA: Look("too little data", "hourglass_empty", *_NONE),
    Status.NO_DATA: Look("no data", "help", *_NONE),
}
SEVERITIES = {
    Severity.PAGE: Look("Page", "error", *_PAGE),
    Severity.TICKET: Look("Ticket", "warning", *_WARN),
}
PROVISIONAL = Look("provisional", "hourglass_empty", *_NONE)
RESOLVED = Look("Resolved", "check_circle", *_OK)
NEVER = Look("Not evaluated", "help", *_NONE)


def of_flag(flag: str) -> Look:
    """The look of a flag; of a model never evaluated, where it is empty."""
    return FLAGS[Flag(flag)] if flag else NEVER


def of_status(status: str, provisional: bool = False) -> Look:
    """The look of a verdict's status; of one that decides nothing yet, as its labels are still to come."""
    return PROVISIONAL if provisional else STATUSES[Status(str(status))]
