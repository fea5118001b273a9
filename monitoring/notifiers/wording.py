"""A notification in words, once for all channels: what it is about, why it was sent, where to look."""

from __future__ import annotations

from datetime import datetime

from monitoring.core.alerting.notification import Line, Notification, NotifyReason

MOST_LINES = 10
"""Alerts that are spelled out; the rest are counted."""


def state(notification: Notification) -> str:
    """TEST, RESOLVED, or FIRING with how many alerts; of a retrain request WAITING, FAILED or DECIDED."""
    if notification.reason == NotifyReason.TEST:
        return "TEST"
    if notification.about_retraining:
        return notification.lines[0].state.upper()
    return "RESOLVED" if notification.resolved else f"FIRING:{len(notification.firing)}"


def title(notification: Notification) -> str:
    """One line: [FIRING:2] Arrival delays (page), or [WAITING] Arrival delays: approve a retrain."""
    about = f"[{state(notification)}] {notification.model_name or notification.model}"
    if notification.about_retraining:
        return f"{about}: {notification.lines[0].check}"
    return f"{about} ({notification.severity})"


def why(notification: Notification) -> str:
    """Why it was sent, in words: every notification says so."""
    return notification.why or str(notification.reason).replace("_", " ")


def line(found: Line) -> str:
    """One alert, or what is asked, with its sentence and since when."""
    since = f" Since {stamp(found.since)}." if found.since else ""
    return f"{found.subject} {found.state}: {found.summary}{since}"


def more(notification: Notification, shown: int = MOST_LINES) -> str:
    """What is said of the alerts that are not spelled out; "" where all are."""
    left = len(notification.lines) - shown
    return f"and {left} more" if left > 0 else ""


def text(notification: Notification) -> str:
    """All of it as plain text."""
    parts = [title(notification), f"Sent because: {why(notification)}.", ""]
    for found in notification.lines[:MOST_LINES]:
        parts += [f"- {line(found)}", *([f"  {found.link}"] if found.link else [])]
    parts += [more(notification)] if more(notification) else []
    parts += ["", f"Model: {notification.model}", f"Owner: {notification.owner or 'nobody'}"]
    parts += [f"Runbook: {notification.runbook}"] if notification.runbook else []
    parts += [f"In Leeway: {notification.link}"] if notification.link else []
    return "\n".join(parts) + "\n"


def stamp(moment: datetime) -> str:
    """2026-05-20 12:00 UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def clip(words: str, length: int) -> str:
    """On one line, and no longer than `length`."""
    flat = " ".join(words.split())
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"


def cut(words: str, length: int) -> str:
    """No longer than `length`, lines as they are."""
    return words if len(words) <= length else f"{words[: length - 1]}…"


def runbook(notification: Notification) -> str:
    """The runbook where it is no web address, which would be among the links; "" otherwise."""
    said = notification.runbook
    return f"Runbook: {said}" if said and not said.startswith(("https://", "http://")) else ""


def links(notification: Notification) -> list[tuple[str, str]]:
    """Label and address of what a reader may open; only what is a web address."""
    found = [("Open in Leeway", notification.link), ("Runbook", notification.runbook)]
    return [(label, url) for label, url in found if url.startswith(("https://", "http://"))]
