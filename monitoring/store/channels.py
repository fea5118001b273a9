"""The channels in the database: applied from a file or a form, who is told by default, and how each fares."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.alerting.notification import Notification, NotifyReason
from monitoring.core.alerting.routing import fits
from monitoring.errors import ChannelError, nearest
from monitoring.notifiers.channel import Channel
from monitoring.store import outbox, references
from monitoring.store.tables import AuditRow, ChannelRow


def changed(session: Session, channels: Sequence[Channel]) -> list[Channel]:
    """Those that are not in the database as they are."""
    names = [channel.name for channel in channels]
    rows = session.execute(select(ChannelRow.name, ChannelRow.document).where(ChannelRow.name.in_(names)))
    stored = {name: document for name, document in rows}
    return [channel for channel in channels if stored.get(channel.name) != _document(channel)]


def _document(channel: Channel) -> dict[str, Any]:
    return channel.model_dump(mode="json", exclude_unset=True)


def apply(session: Session, channels: Sequence[Channel], actor: str, now: datetime) -> dict[str, str]:
    """Add or change channels; what was done (added | changed | unchanged), by "channel NAME". Others are left alone.

    A changed channel is enabled again: what was wrong with it may be mended.
    """
    done = {}
    for channel in channels:
        document = _document(channel)
        row = session.scalar(select(ChannelRow).where(ChannelRow.name == channel.name))
        if row is not None and row.document == document:
            done[f"channel {channel.name}"] = "unchanged"
            continue
        did = "added" if row is None else "changed"
        done[f"channel {channel.name}"] = did
        if row is None:
            row = ChannelRow(name=channel.name, created_at=now)
            session.add(row)
        row.kind, row.document, row.updated_at = channel.kind, document, now
        row.disabled_at, row.disabled_reason, row.failures, row.last_error = None, "", 0, ""
        _audit(session, now, actor, f"channel {did}", channel.name, document)
    session.flush()
    known = set(session.scalars(select(ChannelRow.name)))
    for channel in channels:
        if unknown := [name for name in channel.fallbacks if name not in known]:
            raise ChannelError(
                f"fallbacks: no channel is called {unknown[0]!r}", where=f"channel {channel.name}",
                mend=nearest(unknown[0], known - {channel.name}),
            )  # fmt: skip
    return done


def prune(session: Session, file: dict[str, list[dict[str, Any]]], actor: str, now: datetime) -> list[str]:
    """Take out the channels that a fleet file does not hold, where it has such a list at all; their names."""
    if "channels" not in file:
        return []
    kept = {document["name"] for document in file["channels"]}
    gone = [name for name in session.scalars(select(ChannelRow.name)).all() if name not in kept]
    for name in gone:
        _delete(session, _row(session, name), actor, now, "")
    _nobody_names(session, gone)
    return [f"channel {name}" for name in gone]


def remove(session: Session, name: str, actor: str, now: datetime, reason: str = "") -> None:
    """Take a channel away. What still waits for it is told elsewhere. Raises ChannelError where it is named."""
    _delete(session, _row(session, name), actor, now, reason)
    _nobody_names(session, [name])


def export(session: Session) -> list[dict[str, Any]]:
    """The documents of all channels, in the order in which they were first applied."""
    return list(session.scalars(select(ChannelRow.document).order_by(ChannelRow.id)))


def document(session: Session, name: str) -> dict[str, Any]:
    """The document of one channel. Raises ChannelError for a name that is not known."""
    return _row(session, name).document


def fitting(session: Session, owner: str, severity: str) -> list[str]:
    """The enabled channels whose matchers fit, in the order of the fleet file."""
    labels = {"owner": owner, "severity": severity}
    return [row.name for row in _enabled(session) if fits(row.document.get("matchers", {}), labels)]


def others(session: Session, target: str, owner: str, severity: str, named: Sequence[str]) -> list[str]:
    """Who may be told instead of a target, the best first: those that are named, its own fallbacks, those whose
    matchers fit, and then any."""
    enabled = [row.name for row in _enabled(session)]
    row = session.scalar(select(ChannelRow).where(ChannelRow.name == target))
    own = row.document.get("fallbacks", []) if row is not None else []
    order = dict.fromkeys([*named, *own, *fitting(session, owner, severity), *enabled])
    return [name for name in order if name in enabled and name != target]


def states(session: Session, names: Collection[str]) -> dict[str, tuple[dict[str, Any], str]]:
    """Document, and why it is disabled ("" where it is not), of those channels that exist."""
    rows = session.scalars(select(ChannelRow).where(ChannelRow.name.in_(names)))
    return {r.name: (r.document, (r.disabled_reason or "by hand") if r.disabled_at else "") for r in rows}


def delivered(session: Session, name: str, now: datetime) -> None:
    """A delivery ends a run of failures."""
    row = session.scalar(select(ChannelRow).where(ChannelRow.name == name))
    if row is not None:
        row.delivered_at, row.failures, row.last_error = now, 0, ""


def failed(session: Session, name: str, error: str, now: datetime) -> None:
    """One more failure."""
    row = session.scalar(select(ChannelRow).where(ChannelRow.name == name))
    if row is not None:
        row.failed_at, row.failures, row.last_error = now, row.failures + 1, error


def disable(session: Session, name: str, reason: str, actor: str, now: datetime) -> None:
    """Send nothing there any more."""
    row = session.scalar(select(ChannelRow).where(ChannelRow.name == name))
    if row is not None and row.disabled_at is None:
        row.disabled_at, row.disabled_reason = now, reason
        _audit(session, now, actor, "channel disabled", name, {"reason": reason})


def enable(session: Session, name: str, actor: str, now: datetime) -> None:
    """Send there again."""
    row = _row(session, name)
    row.disabled_at, row.disabled_reason, row.failures = None, "", 0
    _audit(session, now, actor, "channel enabled", name, {})


def test_notification(identity: str, actor: str, now: datetime) -> Notification:
    """What a test sends."""
    return Notification(
        id=identity, incident=identity, reason=NotifyReason.TEST, why=f"{actor} asked for a test", model="",
        model_name="Leeway can reach you here", owner="", severity="ticket", lines=(), runbook="", link="", at=now,
    )  # fmt: skip


def ask_for_test(session: Session, name: str, identity: str, actor: str, now: datetime) -> None:
    """Put a test for a channel into the outbox, before all that waits there."""
    _row(session, name)
    document = test_notification(identity, actor, now).as_json()
    outbox.put(session, outbox.NOTIFICATION, identity, name, document, identity, now, urgent=True)
    _audit(session, now, actor, "channel test asked for", name, {"id": identity})


def _delete(session: Session, row: ChannelRow, actor: str, now: datetime, reason: str) -> None:
    _audit(session, now, actor, "channel removed", row.name, {"reason": reason, "document": row.document})
    session.delete(row)
    session.flush()


def _nobody_names(session: Session, gone: Collection[str]) -> None:
    """What is gone would be told nothing, and whoever named it would not know."""
    if who := references.naming(session, "channel", gone):
        raise ChannelError(
            f"is named by {', '.join(who)}", where=f"channel {', '.join(sorted(gone))}",
            mend="Take it out there first.",
        )  # fmt: skip


def _enabled(session: Session) -> list[ChannelRow]:
    query = select(ChannelRow).where(ChannelRow.disabled_at.is_(None)).order_by(ChannelRow.id)
    return list(session.scalars(query))


def _row(session: Session, name: str) -> ChannelRow:
    row = session.scalar(select(ChannelRow).where(ChannelRow.name == name))
    if row is None:
        known = ", ".join(session.scalars(select(ChannelRow.name).order_by(ChannelRow.id).limit(20)))
        raise ChannelError(
            f"no channel is called {name!r}", where="channels", mend=f"Known: {known}." if known else "There is none."
        )
    return row


def _audit(session: Session, now: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
    session.add(AuditRow(at=now, actor=actor, action=action, subject=subject, detail=detail))
