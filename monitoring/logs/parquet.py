"""Parquet files."""

from __future__ import annotations

from pathlib import Path

from monitoring.fleet import Log
from monitoring.logs.files import FileSource
from monitoring.logs.footers import times
from monitoring.logs.source import source


@source("parquet")
def open_parquet(log: Log, base: Path) -> FileSource:
    """A Parquet file, a folder of them (any depth) or a glob. Files may differ in columns: absent ones are null."""
    reader = "read_parquet({files}, union_by_name = true, filename = '{part}')"
    return FileSource(log, base, (".parquet", ".pq"), reader, loaded=False, footer=times)
