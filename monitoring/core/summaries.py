"""All summaries of a model that an evaluation works on: any window is a sum of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitoring.core.codec import decode, decode_sums, decode_total
from monitoring.core.histogram import Histogram
from monitoring.core.histogram import merge as merge_histograms
from monitoring.core.summary import BLOCK, FINE, Cells, Kind, Series
from monitoring.core.window import Slots


@dataclass(frozen=True, slots=True)
class Packed:
    """One block of one series as it is stored."""

    total: bytes
    cells: bytes


@dataclass
class Summaries:
    """Packed blocks by series, unpacked when first needed."""

    packed: dict[Series, dict[int, Packed]]
    _totals: dict[tuple[Series, int], Histogram] = field(default_factory=dict)
    _cells: dict[tuple[Series, int], Cells] = field(default_factory=dict)
    _of_sums: dict[tuple[Series, int], Cells] = field(default_factory=dict)
    _merged: dict[tuple[object, ...], Histogram] = field(default_factory=dict)
    _extremes: dict[tuple[object, ...], tuple[float, float] | None] = field(default_factory=dict)

    @cached_property
    def versions(self) -> list[str]:
        """The versions seen, in order of name."""
        return sorted({s.version for s in self.packed if s.kind == Kind.ROWS and not s.slice})

    def slices(self) -> list[str]:
        """The slices seen."""
        return sorted({s.slice for s in self.packed if s.slice})

    def span(self, version: str | None = None) -> Slots | None:
        """From the first slot with a row, of one version or of all, to past the last one; None without rows."""
        first, last = [], []
        for series, blocks in self.packed.items():
            if series.kind == Kind.ROWS and not series.slice and blocks and version in (None, series.version):
                first.append(int(self.cells(series, min(blocks)).slots[0]))
                last.append(int(self.cells(series, max(blocks)).slots[-1]) + 1)
        return Slots(min(first), max(last)) if first else None

    def rows(self, window: Slots, version: str | None = None, slice_: str = "") -> int:
        """Log rows in the window."""
        return self.histogram(Kind.ROWS, "", window, version, slice_).n

    def histogram(
        self, kind: Kind, column: str, window: Slots, version: str | None = None, slice_: str = ""
    ) -> Histogram:
        """Counts by class over a window, of one version or (None) of all."""
        key = kind, column, window, version, slice_
        if key not in self._merged:
            self._merged[key] = self._histogram(kind, column, window, version, slice_)
        return self._merged[key]

    def _histogram(self, kind: Kind, column: str, window: Slots, version: str | None, slice_: str) -> Histogram:
        parts = []
        for series in self._matching(kind, column, version, slice_):
            for block in self._blocks(series, window):
                whole = Slots(block * BLOCK, (block + 1) * BLOCK)
                if window.first <= whole.first and whole.last <= window.last:
                    parts.append(self._total(series, block))
                else:
                    scale = FINE if kind == Kind.SERVICE else 1
                    parts.append(self.cells(series, block).histogram(window.first * scale, window.last * scale))
        return parts[0] if len(parts) == 1 else merge_histograms(parts)

    def table(
        self, kind: Kind, column: str, windows: Sequence[Slots], slice_: str = ""
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Counts of many windows at once: the class codes, ascending, and an array (windows, codes)."""
        found = [self.histogram(kind, column, window, None, slice_) for window in windows]
        codes = np.unique(np.concatenate([h.codes for h in found])) if found else np.zeros(0, dtype=np.int32)
        counts = np.zeros((len(windows), len(codes)))
        for row, histogram in zip(counts, found, strict=True):
            row[np.searchsorted(codes, histogram.codes)] = histogram.counts
        return codes.astype(np.int32), counts

    def sums(
        self, kind: Kind, column: str, window: Slots, version: str | None = None, slice_: str = ""
    ) -> NDArray[np.float64]:
        """The rows of exact sums over a window; shape (entries, sums)."""
        parts = [
            self._sums(series, block).rows(window.first, window.last)
            for series in self._matching(kind, column, version, slice_)
            for block in self._blocks(series, window)
        ]
        parts = [p for p in parts if p.size]
        return np.concatenate(parts) if parts else np.zeros((0, 0))

    def extremes(
        self, kind: Kind, column: str, window: Slots, version: str | None = None, slice_: str = ""
    ) -> tuple[float, float] | None:
        """The least and the greatest finite value of a numeric column over a window; None without any."""
        key = kind, column, window, version, slice_
        if key not in self._extremes:
            sums = self.sums(kind, column, window, version, slice_)
            self._extremes[key] = (float(sums[:, 1].min()), float(sums[:, 2].max())) if len(sums) else None
        return self._extremes[key]

    def every(self, kind: Kind, column: str, window: Slots) -> Iterable[Cells]:
        """The cells of all versions over the blocks that a window touches."""
        for series in self._matching(kind, column, None, ""):
            for block in self._blocks(series, window):
                yield self.cells(series, block)

    def cells(self, series: Series, block: int) -> Cells:
        """One block, slot by slot."""
        key = (series, block)
        if key not in self._cells:
            self._cells[key] = decode(self.packed[series][block].cells)
        return self._cells[key]

    def _sums(self, series: Series, block: int) -> Cells:
        """The sums of one block, of which the counts may not be needed."""
        key = (series, block)
        if key in self._cells:
            return self._cells[key]
        if key not in self._of_sums:
            self._of_sums[key] = decode_sums(self.packed[series][block].cells)
        return self._of_sums[key]

    def _total(self, series: Series, block: int) -> Histogram:
        key = (series, block)
        if key not in self._totals:
            self._totals[key] = decode_total(self.packed[series][block].total)
        return self._totals[key]

    def _matching(self, kind: Kind, column: str, version: str | None, slice_: str) -> list[Series]:
        if version is not None:
            one = Series(kind, column, version, slice_)
            return [one] if one in self.packed else []
        return [s for v in self.versions if (s := Series(kind, column, v, slice_)) in self.packed]

    def _blocks(self, series: Series, window: Slots) -> list[int]:
        blocks = self.packed[series]
        wanted = range(window.first // BLOCK, -(-window.last // BLOCK))
        return (
            [b for b in wanted if b in blocks]
            if len(wanted) < len(blocks)
            else sorted(b for b in blocks if b in wanted)
        )
