"""The newest part of a model's logs, small enough for a preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitoring.fleet import Log, Model
from monitoring.logs.engine import DuckEngine, quoted
from monitoring.logs.files import FileSource
from monitoring.logs.source import Part, open_source
from monitoring.logs.sql import SqlSource

LARGEST = 200_000_000
"""Bytes of log files that a preview reads; of a larger log, the newest files up to this."""
ROWS = 200_000
"""Rows of a table that a preview reads, the newest."""
SECONDS = 60
"""How long the database may take to give them."""


def excerpt(document: dict[str, Any], model: Model, base: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The document with its logs cut to what a preview may read, and what a person should know of it.

    `folder` is where cut logs are put.
    """
    notices: list[str] = []
    out = dict(document)
    for role, log in (("predictions", model.predictions), ("labels", model.labels)):
        if log is None:
            continue
        cut, notice = _cut(log, role, base, folder / role)
        out[role] = document[role] | cut
        if notice:
            notices.append(notice)
    if notices and "source" not in (out.get("reference") or {"source": ""}):
        del out["reference"]  # it may lie before what is left
        notices.append("The reference is the first quarter of what was read.")
    if notices:
        notices.append("Once the model is watched, all of its log is read.")
    return out, notices


def _cut(log: Log, role: str, base: Path, folder: Path) -> tuple[dict[str, Any], str]:
    """What changes in a log's place, and a notice where something was left out."""
    source = open_source(log, base)
    if isinstance(source, SqlSource):
        return _table(source, role, folder)
    if not isinstance(source, FileSource):
        return {}, ""
    parts = source.parts()
    newest = _newest(parts)
    if len(newest) == len(parts):
        return {}, ""
    folder.mkdir()
    for number, part in enumerate(newest):
        (folder / f"{number:06d}-{Path(part.name).name}").symlink_to(Path(part.name).resolve())
    return {
        "location": str(folder)
    }, f"Of the {role} only the newest {len(newest):,} of {len(parts):,} files were read."


def _newest(parts: Sequence[Part]) -> list[Part]:
    """The last files that hold at most LARGEST bytes together, one at least."""
    total, first = 0, len(parts)
    while first and (total := total + int(parts[first - 1].stamp.partition(":")[0])) <= LARGEST:
        first -= 1
    return list(parts[min(first, len(parts) - 1) :])


def _table(source: SqlSource, role: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The newest rows of a table as a file: it is asked once, and for no more."""
    columns = source.log.columns
    by = columns.timestamp if role == "predictions" else columns.observed_at
    engine = DuckEngine()
    try:
        bounded = replace(source, limit=ROWS + 1, newest=by, seconds=SECONDS)
        bounded.provide(engine, "rows", bounded.parts())
        count = int(engine.arrow('SELECT count(*) AS n FROM "rows"')["n"][0].as_py())
        order = f"ORDER BY {quoted(by)}" if by else ""
        folder.mkdir()
        place = str(folder / "rows.parquet")
        newest = f"{order} DESC LIMIT {ROWS}" if by else f"LIMIT {ROWS}"
        engine.arrow(f"COPY (SELECT * FROM (SELECT * FROM \"rows\" {newest}) {order}) TO '{place}' (FORMAT parquet)")
    finally:
        engine.close()
    which = f"the newest {ROWS:,} rows by {by}" if by else f"{ROWS:,} rows"
    notice = f"Of the {role} only {which} of {source.table} were read." if count > ROWS else ""
    return {"source": "parquet", "location": place, "url": None, "table": None}, notice
