"""What is exact, of rows that stream by: the sums of every slot, its rows and checksum, and the ids that came again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, func

from monitoring.logs.engine import PRIME
from monitoring.logs.joined import RowParts
from monitoring.logs.repeats import Repeats
from monitoring.logs.rows import Expression
from monitoring.logs.sums import SlotSums, summed
from monitoring.logs.tally import Batch, versions_of

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
        keys = self._keys(batch)
        if len(keys) == 0:
            return
        names = batch.rows.schema.names
        order = None if (keys[1:] >= keys[:-1]).all() else np.argsort(keys, kind="stable")
        ordered = keys if order is None else keys[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        runs = [ordered[starts], np.diff(starts, append=len(ordered))]
        hashes = np.zeros(len(starts), np.uint64)
        if "row_hash" in names:
            every = batch.rows["row_hash"].to_numpy() % np.uint64(PRIME)
            hashes = np.add.reduceat(every if order is None else every[order], starts)
        without = np.zeros(len(starts), np.int64)
        if "id_hash" in names:
            column = batch.rows["id_hash"]
            if column.null_count == 0:
                self._repeats.add(keys, column.to_numpy())
            else:
                missing = column.is_null().to_numpy(zero_copy_only=False)
                self._repeats.add(keys[~missing], column.fill_null(0).to_numpy()[~missing])
                without = np.add.reduceat((missing if order is None else missing[order]).astype(np.int64), starts)
        sums = np.empty((len(self._columns), 3, len(starts)))
        for row, source in zip(sums, self._columns.values(), strict=True):
            x = batch.numbers(source)
            x = x if order is None else x[order]
            finite = np.isfinite(x)
            plain = bool(finite.all())
            np.add.reduceat(x if plain else np.where(finite, x, 0.0), starts, out=row[0])
            np.minimum.reduceat(x if plain else np.where(finite, x, np.inf), starts, out=row[1])
            np.maximum.reduceat(x if plain else np.where(finite, x, -np.inf), starts, out=row[2])
        self._found.append((*runs, hashes, without, sums))

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

    def _keys(self, batch: Batch) -> NDArray[np.int64]:
        numbers, names = versions_of(batch)
        self._versions += [name for name in names if name not in self._versions]
        places = np.asarray([self._versions.index(name) for name in names], np.int64)
        return batch.slots() * VERSIONS + places[numbers]
