"""Every objective's verdicts and alerts carry its name, also where it is the only one of its kind."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

model = sa.table("model", sa.column("id"), sa.column("key"), sa.column("document", sa.JSON))
verdict = sa.table("verdict", *map(sa.column, ("id", "model_id", "check", "column", "method", "first_slot")))
alert = sa.table(
    "alert",
    *map(
        sa.column,
        (
            "id",
            "key",
            "fingerprint",
            "episode",
            "model_key",
            "check",
            "column",
            "slice",
            "version",
            "method",
            "closed_at",
        ),
    ),
)
group = sa.table("notification_group", sa.column("id"), sa.column("told", sa.JSON))


def upgrade() -> None:
    keys: dict[str, str] = {}
    for id_, key, check, name in _only_ones():
        _rename_verdicts(id_, check, name)
        keys |= _rename_alerts(key, check, name)
    for id_, told in op.get_bind().execute(sa.select(group.c.id, group.c.told)).all() if keys else ():
        if not keys.keys().isdisjoint(told):
            renamed = {keys.get(key, key): known for key, known in told.items()}
            op.execute(sa.update(group).where(group.c.id == id_).values(told=renamed))


def _only_ones() -> Iterator[tuple[int, str, str, str]]:
    """Model, its key, check and name of each objective that is the only one of its kind."""
    for id_, key, document in op.get_bind().execute(sa.select(model.c.id, model.c.key, model.c.document)).all():
        slos = document.get("slos") or []
        kinds = Counter(slo["sli"] for slo in slos)
        for slo in slos:
            if kinds[slo["sli"]] == 1:
                yield id_, key, f"slo.{slo['sli']}", _name(slo)


def _name(slo: dict[str, Any]) -> str:
    """As fleet.slos.Slo.slug has it."""
    limit = f"-{float(slo['threshold_ms']):g}ms" if slo.get("threshold_ms") is not None else ""
    limit += f"-within-{float(slo['tolerance']):g}" if slo.get("tolerance") is not None else ""
    limit += f"-{slo['max_age']}" if slo.get("max_age") is not None else ""
    return f"{slo['sli']}{limit}-{float(slo['objective']) * 100:g}-{slo.get('period') or '30d'}".replace(".", "_")


def _rename_verdicts(id_: int, check: str, name: str) -> None:
    """Of a day on which it was told apart already, what was said last stays."""
    of_it = sa.and_(verdict.c.model_id == id_, verdict.c.check == check)
    nameless, other = sa.and_(of_it, verdict.c.column == ""), verdict.alias("other")
    twice = sa.exists().where(
        other.c.model_id == id_, other.c.check == check, other.c.column == "", other.c.method == verdict.c.method,
        other.c.first_slot == verdict.c.first_slot,
    )  # fmt: skip
    op.execute(sa.delete(verdict).where(of_it, verdict.c.column == name, twice))
    op.execute(sa.update(verdict).where(nameless).values(column=name))


def _rename_alerts(key: str, check: str, name: str) -> dict[str, str]:
    """The new keys of its alerts, by the old. Its episodes go on from those that bore the name before."""
    bind, out = op.get_bind(), {}
    about = sa.select(alert).where(alert.c.model_key == key, alert.c.check == check, alert.c.column == "")
    for row in bind.execute(about.order_by(alert.c.episode)).all():
        words = (row.check, row.model_key, name, row.slice, row.version, row.method)
        fingerprint = hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:20]
        named = sa.select(sa.func.max(alert.c.episode)).where(alert.c.fingerprint == fingerprint)
        if row.closed_at is None and bind.execute(named.where(alert.c.closed_at.is_(None))).scalar() is not None:
            continue  # one of the name is open: this one is of an objective that is gone, and will be resolved
        episode = (bind.execute(named).scalar() or 0) + 1
        out[row.key] = f"{fingerprint}-{episode}"
        new = {"column": name, "fingerprint": fingerprint, "episode": episode, "key": out[row.key]}
        bind.execute(sa.update(alert).where(alert.c.id == row.id).values(**new))
    return out


def downgrade() -> None:
    """Names stay: what has one is told apart all the same."""
