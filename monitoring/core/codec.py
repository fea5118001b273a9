"""Summaries as bytes: codes as steps from one to the next, each array as narrow as it may be, and all compressed.

LZ4, which costs a tenth of what zlib does, and a quarter more room.
"""

from __future__ import annotations

from struct import Struct

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring.core.histogram import Histogram
from monitoring.core.summary import EMPTY, Cells

HEADER = Struct("<4i")
"""Before the first array of encoded cells: their number, that of their moments, of sums, and the sums of each."""
HEAD = HEADER.size
WIDTHS = [(1 << 8 * width, bytes([width]), np.dtype(f"<u{width}")) for width in (1, 2, 4, 8)]
"""Bytes a number may take: below what it lies, how they are told, and as what it is kept."""


def encode(value: Cells) -> bytes:
    """Cells as bytes: each (slot, known) with its first code and the number of its cells, then the steps and counts of
    these, and the sums."""
    starts = value.starts()
    moments = np.empty((4, len(starts)), "<i4")
    for row, known in zip(moments, (value.slots, value.known, value.codes), strict=False):
        known.take(starts, out=row)
    moments[3, :-1] = starts[1:] - starts[:-1]
    moments[3, -1:] = len(value.slots) - starts[-1:]
    steps = _steps(value.codes)
    steps[starts] = 0
    return _compressed(
        HEADER.pack(len(value.slots), len(starts), len(value.sum_slots), value.sums.shape[1]),
        moments.tobytes(),
        *_narrow(steps),
        *_narrow(value.counts),
        value.sum_slots.astype("<i4").tobytes(),
        value.sum_known.astype("<i4").tobytes(),
        value.sums.astype("<f8").tobytes(),
    )


def decode(data: bytes) -> Cells:
    """The cells that `encode` was given."""
    raw = _decompressed(data)
    n, moments, _, _ = np.frombuffer(raw, "<i4", 4).tolist()
    each = np.frombuffer(raw, "<i4", 4 * moments, HEAD).reshape(4, moments)
    steps, at = _widened(raw, HEAD + 16 * moments, n)
    counts, _ = _widened(raw, at, n)
    lengths = each[3]
    upto = steps.cumsum(dtype=np.int64)
    first = each[2] - upto[lengths.cumsum() - lengths]
    slots, known, first = (np.repeat(of_moments, lengths) for of_moments in (each[0], each[1], first))
    return Cells(slots, known, (upto + first).astype(np.int32), counts.astype(np.int64), *_sums_of(raw))


def decode_sums(data: bytes) -> Cells:
    """The sums of the cells that `encode` was given, without the counts: they are had at a fraction of the cost."""
    return Cells(EMPTY.slots, EMPTY.known, EMPTY.codes, EMPTY.counts, *_sums_of(_decompressed(data)))


def _sums_of(raw: bytes) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Slots, slots known and sums: what an encoding ends with."""
    _, _, m, width = np.frombuffer(raw, "<i4", 4).tolist()
    at = len(raw) - 8 * m * (1 + width)
    return (
        np.frombuffer(raw, "<i4", m, at),
        np.frombuffer(raw, "<i4", m, at + 4 * m),
        np.frombuffer(raw, "<f8", m * width, at + 8 * m).reshape(m, width),
    )


def encode_total(value: Histogram) -> bytes:
    """A histogram as bytes: what pages read."""
    head = np.asarray([len(value.codes), *value.codes[:1].tolist()], dtype="<i4").tobytes()
    return _compressed(head, *_narrow(_steps(value.codes)), *_narrow(value.counts))


def decode_total(data: bytes) -> Histogram:
    """The histogram that `encode_total` was given."""
    raw = _decompressed(data)
    n = int.from_bytes(raw[:4], "little")
    if n == 0:
        return Histogram()
    steps, at = _widened(raw, 8, n)
    codes = steps.cumsum(dtype=np.int32)
    codes += int.from_bytes(raw[4:8], "little", signed=True)
    return Histogram(codes, _widened(raw, at, n)[0].astype(np.int64))


def _compressed(*parts: bytes) -> bytes:
    """Their length, then the bytes as an LZ4 block."""
    raw = b"".join(parts)
    packed: bytes = pa.compress(raw, codec="lz4_raw", asbytes=True)
    return len(raw).to_bytes(4, "little") + packed


def _decompressed(data: bytes) -> bytes:
    raw: bytes = pa.decompress(data[4:], int.from_bytes(data[:4], "little"), codec="lz4_raw", asbytes=True)
    return raw


def _steps(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """What each code is more than the one before; the first 0."""
    steps = codes.copy()
    steps[1:] -= codes[:-1]
    steps[:1] = 0
    return steps


def _narrow(values: NDArray[np.integer]) -> tuple[bytes, bytes]:
    """Numbers from 0 on: bytes a number, and the numbers in so many."""
    top = int(values.max()) if len(values) else 0
    _, width, kind = next(kept for kept in WIDTHS if top < kept[0])
    return width, values.astype(kind).tobytes()


def _widened(raw: bytes, at: int, n: int) -> tuple[NDArray[np.unsignedinteger], int]:
    """Numbers that `_narrow` was given, as narrow as they are, and where the next ones begin."""
    width = raw[at]
    return np.frombuffer(raw, f"<u{width}", n, at + 1), at + 1 + n * width
