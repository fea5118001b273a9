"""Files of the demo fleet: they appear whole or not at all, and one process at a time lays rows down."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def put_table(file: Path, table: pa.Table) -> None:
    """Write rows, where there are any."""
    if len(table):
        put(file, partial(pq.write_table, table, compression="zstd", row_group_size=20_000))


def put_text(file: Path, text: str) -> None:
    """Write text in UTF-8."""
    put(file, lambda path: path.write_text(text, encoding="utf-8"))


def put(file: Path, write: Callable[[Path], object]) -> None:
    """Let a file appear whole, or not at all. No reader takes the hidden name for a log."""
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        write(hidden)
        os.replace(hidden, file)
    finally:
        hidden.unlink(missing_ok=True)


def newest(folder: Path, column: str) -> datetime | None:
    """The last moment in a folder of Parquet files, by their footers; None without rows."""
    found = []
    for file in folder.glob("[!.]*.parquet"):
        footer = pq.ParquetFile(file).metadata
        number = footer.schema.to_arrow_schema().get_field_index(column)
        for group in range(footer.num_row_groups):
            found.append(footer.row_group(group).column(number).statistics.max)
    return max(found, default=None)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """One process at a time, also where another is killed: it holds the demo fleet's lock."""
    with open(target / ".lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
