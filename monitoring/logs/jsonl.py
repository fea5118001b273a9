"""JSON Lines files, plain or gzipped."""

from __future__ import annotations

from pathlib import Path

from monitoring.fleet import Log
from monitoring.logs.files import FileSource
from monitoring.logs.source import source


@source("jsonl")
def open_jsonl(log: Log, base: Path) -> FileSource:
    """One JSON object a line; its top-level fields are the columns."""
    reader = (
        "read_json({files}, format = 'newline_delimited', union_by_name = true, sample_size = -1, filename = '{part}')"
    )
    return FileSource(log, base, (".jsonl", ".ndjson", ".jsonl.gz", ".json"), reader, loaded=True)
