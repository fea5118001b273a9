"""CSV files, plain or gzipped."""

from __future__ import annotations

from pathlib import Path

from monitoring.fleet import Log
from monitoring.logs.files import FileSource
from monitoring.logs.source import source


@source("csv")
def open_csv(log: Log, base: Path) -> FileSource:
    """CSV with a header line; separator and types are found from the whole file, not from its first rows."""
    reader = "read_csv({files}, union_by_name = true, header = true, sample_size = -1, filename = '{part}')"
    return FileSource(log, base, (".csv", ".csv.gz", ".tsv"), reader, loaded=True)
