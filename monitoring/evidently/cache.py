"""Which report is which: the key of what went into it, and which are kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from monitoring.fleet import Model
from monitoring.logs.reader import LogReader, Role

KEPT = 100
"""Reports kept in a folder; each is 4 to 8 MB."""
FORM = 1
"""Part of every key; raise it when the same input gives another page."""


def key(
    model: Model,
    windows: list[tuple[datetime, datetime] | None],
    limit: int,
    seed: int,
    readers: list[LogReader],
) -> str:
    """Changes with the model, the windows, how rows are drawn, and the logs."""
    ends = [None if window is None else [window[0].timestamp(), window[1].timestamp()] for window in windows]
    stamps = [stamp for reader in readers for role in reader.roles for stamp in _stamps(reader, role)]
    document = [FORM, model.model_dump(mode="json"), ends, limit, seed, stamps]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:24]


def is_there(path: Path) -> bool:
    """Whether a report is there. It is then kept as long as if it had just been made."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def clear(folder: Path, before: datetime) -> int:
    """Remove reports that were last asked for before a moment, and what builds that were killed have left; how many.
    What cannot be removed is left for the next time."""
    gone = 0
    for path in [*folder.glob("*.html"), *folder.glob(".report-*/")]:
        with suppress(OSError):
            if path.stat().st_mtime >= before.timestamp():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            gone += 1
    return gone


def prune(folder: Path, newest: Path) -> None:
    """Remove the oldest reports beyond KEPT, never `newest`."""
    found = []
    for path in folder.glob("*.html"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue  # somebody else tidied up
    for _, path in sorted(found, reverse=True)[KEPT:]:
        if path != newest:
            path.unlink(missing_ok=True)


def _stamps(reader: LogReader, role: Role) -> list[str]:
    """What changes when a log does: its files' stamps; for a table, its rows and newest moment."""
    parts = reader.parts(role)
    if all(part.stamp for part in parts):
        return sorted(f"{part.name} {part.stamp}" for part in parts)
    relation = reader.relation(role, parts)
    rows = reader.engine.arrow(select(func.count().label("n")).select_from(relation.clause))["n"][0].as_py()
    return [f"{relation.name} {rows} {reader.newest(role, relation)}"]
