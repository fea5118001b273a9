"""What is exact, of rows that stream by: the sums of every slot, its rows and checksum, and the ids that came again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, func

from monitoring.logs.batch import Batch
from monitoring.logs.engine import PRIME
from monitoring.logs.expressions import Expression
from monitoring.logs.joined import RowParts
from monitoring.logs.repeats import Repeats
from monitoring.logs.sums import PARTS, SlotSums, summed

VERSIONS = 2**20
"""Room for versions in the key of a slot."""


def columns_of(parts: RowParts, row_hash: Expression | None) -> list[Any]:
    """What `Exact.add` needs of every row beside logs.tally.rows_of: its hash, where wanted, and its id's."""
    out: list[Any] = [] if row_hash is None else [row_hash.label("row_hash")]
    name = parts.model.predictions.columns.id
    if name is not None:
        identity = parts.rows.c[name]
        out.append(case((identity.is_not(None), func.hash(identity))).label("id_hash"))
    return out


@dataclass
class Exact:
    """Sums by slot and version, batch by batch."""

    parts: RowParts
    _versions: list[str] = field(default_factory=list)
    _found: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _repeats: Repeats = field(default_factory=Repeats)

    def __post_init__(self) -> None:
        self._columns = {n: f"number {self.parts.profile.columns[n].name}" for n in summed(self.parts)}

    @property
    def lost(self) -> bool:
        """Whether the repeated ids could not be counted, as the rows came in no order of time."""
        return self._repeats.lost

    def add(self, batch: Batch) -> None:
        """Take in the rows of a batch."""
        runs = batch.runs
        _, names = batch.versions
        self._versions += [name for name in names if name not in self._versions]
        places = np.asarray([self._versions.index(name) for name in names], np.int64)
        keys = runs.slots * VERSIONS + places[runs.versions]
        hashes = np.zeros(len(keys), np.uint64)
        if batch.has("row_hash"):
            hashes = batch.by_run(np.add, batch.rows["row_hash"].fill_null(0).to_numpy() % np.uint64(PRIME))
        without = np.zeros(len(keys), np.int64)
        if batch.has("id_hash"):
            column = batch.rows["id_hash"]
            of_rows = np.repeat(keys, runs.lengths)
            ids = column.fill_null(0).to_numpy()
            ids = ids if runs.order is None else ids[runs.order]
            if column.null_count:
                missing = column.is_null().to_numpy(zero_copy_only=False)
                without = batch.by_run(np.add, missing.astype(np.int64))
                there = ~missing if runs.order is None else ~missing[runs.order]
                of_rows, ids = of_rows[there], ids[there]
            self._repeats.add(of_rows, ids)
        sums = np.empty((len(self._columns), len(PARTS), len(keys)))
        for row, source in zip(sums, self._columns.values(), strict=True):
            numbers = batch.numbers(source)
            x = numbers.values if numbers.finite else np.where(np.isfinite(numbers.values), numbers.values, 0.0)
            row[:] = batch.by_run(np.add, x), numbers.lows, numbers.highs
        self._found.append((keys, runs.lengths, hashes, without, sums))

    def sums(self) -> SlotSums:
        """What was taken in."""
        if not self._found:
            nothing = np.zeros(0, np.int64)
            return SlotSums(nothing, [], nothing, nothing, [], {n: np.zeros((0, 3)) for n in self._columns})
        keys, rows, hashes, without, sums = (np.concatenate(a, axis=-1) for a in zip(*self._found, strict=True))
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        keys = ordered[starts]
        rows, hashes, without = (np.add.reduceat(a[order], starts) for a in (rows, hashes, without))
        sums = np.stack(
            [f.reduceat(sums[:, at, order], starts, axis=-1) for at, f in enumerate((np.add, np.minimum, np.maximum))],
            axis=-1,
        )
        sums[np.isinf(sums[:, :, 1])] = np.nan
        again = self._repeats.found()
        repeated = without + np.asarray([again.get(k, 0) for k in keys.tolist()], np.int64)
        versions = [self._versions[v] for v in (keys % VERSIONS).tolist()]
        of = dict(zip(self._columns, sums, strict=True))
        return SlotSums(keys // VERSIONS, versions, rows, repeated, [int(h) for h in hashes.tolist()], of)
