"""What a Parquet file says of a time column at its end, so that no row of it need be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.logs.source import Times


def times(place: str, column: str) -> Times | None:
    """The least and greatest time in a file, and its rows without one; None where it does not say."""
    try:
        metadata = pq.read_metadata(place)
        names = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
        at = names.index(column)
        said = [metadata.row_group(group).column(at).statistics for group in range(metadata.num_row_groups)]
        if not said or not all(s is not None and s.has_min_max and s.has_null_count for s in said):
            return None
        ends = [(s.min, s.max) for s in said]
    except (ValueError, OverflowError, OSError, pa.ArrowException):  # the file as DuckDB reads it says what is wrong
        return None
    if not all(isinstance(end, datetime) for both in ends for end in both):
        return None
    undated = sum(s.null_count for s in said)
    return Times(min(_seconds(first) for first, _ in ends), max(_seconds(last) for _, last in ends), undated)


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
