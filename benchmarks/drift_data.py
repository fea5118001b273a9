"""Logs for the proofs of the drift verdict: their rows, their summaries, and the Subject to judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.core.grid import MISSING, CategoricalGrid, Grid
from monitoring.core.histogram import Histogram
from monitoring.core.profile import Column, Profile
from monitoring.core.summaries import Packed, Summaries
from monitoring.core.summary import BLOCK, Cells, Kind, Series, cells
from monitoring.core.window import Slots, moment_of, slot_of
from monitoring.fleet import Model, parse_model
from monitoring.logs.profiling import SAMPLE, fitted
from monitoring.verdicts.subject import Subject

MONDAY = slot_of(datetime(2026, 3, 2, tzinfo=UTC))
REFERENCE_DAYS, DAYS = 30, 91
PUBLISHED = 20261126
"""The seed of the figures in docs/drift.md. No constant was ever chosen by looking at it: whoever tunes one takes
another (`--seed`), as was done with 1 to 99 and 2611."""
Floats = NDArray[np.float64]
Random = np.random.Generator
Draw = Callable[[Random, Floats, Floats], Floats]
"""Values of rows, given for each how far its level and the logarithm of its spread lie from the usual."""


def normal(random: Random, level: Floats, spread: Floats) -> Floats:
    return level + np.exp(spread) * random.standard_normal(level.shape)


def lognormal(random: Random, level: Floats, spread: Floats) -> Floats:
    return np.exp(3.0 + normal(random, level, spread))


def offset(random: Random, level: Floats, spread: Floats) -> Floats:
    return 1013.0 + 8.0 * normal(random, level, spread)


def bimodal(random: Random, level: Floats, spread: Floats) -> Floats:
    return np.where(random.random(level.shape) < 0.3, 4.0, 0.0) + normal(random, level, spread)


def student(random: Random, level: Floats, spread: Floats) -> Floats:
    return level + np.exp(spread) * random.standard_t(2.5, level.shape)


def pareto(random: Random, level: Floats, spread: Floats) -> Floats:
    return np.exp(level) * (1 + random.pareto(1.5, level.shape)) ** np.exp(spread)


def counted(mean: float, random: Random, level: Floats, spread: Floats) -> Floats:
    return random.poisson(mean * np.exp(level * mean**-0.5 if mean > 1 else level)).astype(float)


def rare(share: float, random: Random, level: Floats, spread: Floats) -> Floats:
    """Zero, but for a share of the rows."""
    other = random.random(level.shape) < share * np.exp(level)
    return np.where(other, np.exp(spread) * random.exponential(1.0, level.shape), 0.0)


ORDINARY = (normal, lognormal, offset, bimodal, partial(counted, 20.0))
HEAVY = (student, pareto, student, pareto, lognormal)
COUNTS = tuple(partial(counted, mean) for mean in (0.05, 0.5, 2.0, 20.0, 200.0))
RARE = tuple(partial(rare, share) for share in (0.001, 0.005, 0.02, 0.1, 0.5))


@dataclass(frozen=True, slots=True)
class World:
    """How a log without drift comes about: by default 30 days of reference and 91 to judge.

    Every feature has effects of the day on its level and, half as strong, on the logarithm of its spread: AR(1) with
    dependence `rho` and a deviation of `effects` (in deviations of a row; of a category: of its log odds). `weekly`
    and `daily` are amplitudes of patterns. A share `missing` of the values is null. `rows` are those of an hour where
    `chunk` is 1h, of a chunk where it is "rows", else of a day; the reference has `reference_days` such days (or
    chunks), or `reference_rows` in all where that is less than one. `first` are the effects and rho of the first
    column, where they are its own.
    """

    name: str
    rows: int = 500
    draws: tuple[Draw, ...] = ORDINARY
    levels: tuple[int, ...] = (5, 20)
    effects: float = 0.0
    rho: float = 0.0
    weekly: float = 0.0
    daily: float = 0.0
    missing: float = 0.0
    chunk: Literal["1h", "1d", "7d", "rows"] = "1d"
    reference_days: int = REFERENCE_DAYS
    days: int = DAYS
    reference_rows: int = 0
    first: tuple[float, float] | None = None

    @property
    def per_day(self) -> int:
        """Cells a day."""
        return 24 if self.chunk == "1h" else 1

    def draw(self, random: Random) -> Log:
        """One such log."""
        chunks = (self.reference_days + self.days) * self.per_day
        columns: dict[str, Floats] = {}
        for number, draw in enumerate(self.draws):
            unlike = self.first if number == 0 else None
            level, spread = self._level(random, unlike), self._level(random, unlike) / 2
            shape = np.broadcast_to(level[:, None], (chunks, self.rows))
            columns[f"x{number}"] = draw(random, shape, np.broadcast_to(spread[:, None], (chunks, self.rows)))
        for number, levels in enumerate(self.levels):
            odds = np.log(zipf(levels)) + np.stack([self._level(random) for _ in range(levels)], axis=1)
            shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
            upto = np.cumsum(shares, axis=1) + np.arange(chunks)[:, None]
            upto[:, -1] = np.arange(1, chunks + 1)
            places = random.random((chunks, self.rows)) + np.arange(chunks)[:, None]
            found = np.searchsorted(upto.ravel(), places.ravel(), side="right").reshape(places.shape)
            columns[f"c{number}"] = np.minimum(found - levels * np.arange(chunks)[:, None], levels - 1).astype(float)
        if self.missing:
            for values in columns.values():
                values[random.random(values.shape) < self.missing] = np.nan
        there = np.ones((chunks, self.rows), dtype=np.bool_)
        if self.reference_rows:
            there[0, self.reference_rows :] = False
        return Log(self, columns, there)

    def _level(self, random: Random, unlike: tuple[float, float] | None = None) -> Floats:
        """A feature's level by chunk."""
        effects, rho = unlike or (self.effects, self.rho)
        days, per = self.reference_days + self.days, self.per_day
        day, hour = np.divmod(np.arange(days * per), per)
        noise = random.standard_normal(days)
        for at in range(1, days):
            noise[at] = rho * noise[at - 1] + np.sqrt(1 - rho**2) * noise[at]
        week = np.where(day % 7 >= 5, 1.0, 0.0) * random.choice([-1.0, 1.0])
        wave = np.sin(2 * np.pi * (hour / per + random.random())) if per > 1 else np.zeros(len(day))
        return effects * np.repeat(noise, per) + self.weekly * week + self.daily * wave


def zipf(levels: int) -> Floats:
    """Shares of so many categories."""
    shares = 1 / np.arange(1, levels + 1)
    return np.asarray(shares / shares.sum())


@dataclass(frozen=True, slots=True)
class Log:
    """Values by column, shape (cells, rows), of which there are those that are `there`; columns named c… are
    categories, numbered."""

    world: World
    columns: dict[str, Floats]
    there: NDArray[np.bool_]

    @property
    def reference(self) -> int:
        """Cells of the reference."""
        return self.world.reference_days * self.world.per_day

    @property
    def windows(self) -> int:
        """Windows to judge."""
        return (len(self.there) - self.reference) // (7 if self.world.chunk == "7d" else 1)

    def series(self, name: str, cells: slice) -> pd.Series:
        """A column's rows as a user would have them in a frame."""
        values = self.columns[name][cells][self.there[cells]]
        if not name.startswith("c"):
            return pd.Series(values)
        return pd.Series(
            np.where(np.isnan(values), None, np.char.add("v", np.nan_to_num(values).astype(int).astype(str)))
        )

    def window(self, name: str, number: int) -> pd.Series:
        """A column's rows of a window to judge."""
        length = 7 if self.world.chunk == "7d" else 1
        return self.series(name, slice(self.reference + number * length, self.reference + (number + 1) * length))

    def frame(self) -> pd.DataFrame:
        """All rows, in order."""
        return pd.DataFrame({name: self.series(name, slice(None)) for name in self.columns})


HOURS = {"1h": 1, "1d": 24, "7d": 24, "rows": 1}
"""Hours that a cell takes; a chunk of rows takes the place of one."""


def model_of(log: Log, **drift: object) -> Model:
    """Whose log it is; `drift` is its threshold of the drift of the whole."""
    by_rows = log.world.chunk == "rows"
    span = (moment_of(MONDAY).isoformat(), moment_of(MONDAY + 24 * log.world.reference_days).isoformat())
    document = {
        "key": "calm",
        "task": "binary_classification",
        "predictions": {
            "source": "parquet",
            "location": "-",
            "columns": {"timestamp": "ts", "score": "score", "features": list(log.columns)},
        },
        "reference": {"rows": int(log.there[: log.reference].sum())} if by_rows else {"from": span[0], "to": span[1]},
        "chunk": {"rows": log.world.rows} if by_rows else log.world.chunk,
        "thresholds": [{"check": "drift", **drift}] if drift else [],
    }
    return parse_model(document, "benchmark")


def subject_of(log: Log) -> Subject:
    """What an evaluation of the log looks at, without the detour over a file."""
    length = HOURS[log.world.chunk]
    packed: dict[Series, dict[int, Packed]] = {}
    totals: dict[tuple[Series, int], Histogram] = {}
    kept: dict[tuple[Series, int], Cells] = {}
    columns = []
    slots = MONDAY + length * np.arange(len(log.there))
    for name in log.columns:
        grid, codes = coded(log, name)
        columns.append(Column(Kind.FEATURE, name, "text" if name.startswith("c") else "number", grid))
        _pack(Series(Kind.FEATURE, name), slots, codes, log.there, packed, totals, kept)
    _pack(Series(Kind.ROWS, ""), slots, np.zeros_like(codes), log.there, packed, totals, kept)
    summaries = Summaries(packed, totals, kept)
    model = model_of(log)
    whole = 168 if log.world.chunk == "7d" else length
    span = Slots(MONDAY, MONDAY + length * log.reference)
    history = tuple(Slots(s, s + whole) for s in range(span.last, MONDAY + length * len(log.there) - whole + 1, whole))
    profile = Profile(tuple(columns), first=span.first, last=span.last)
    now = moment_of(history[-1].last)
    return Subject(model, profile, summaries, span, summaries, history, history, now, span, True)


def coded(log: Log, name: str) -> tuple[Grid, NDArray[np.int32]]:
    """The grid that the reference's rows give, and the class of every row."""
    values = log.columns[name]
    reference = values[: log.reference][log.there[: log.reference]]
    if not name.startswith("c"):
        grid = fitted(reference[:: -(-len(reference) // SAMPLE)])
        return grid, grid.code(values)
    seen = np.unique(reference[~np.isnan(reference)]).astype(int)
    place = np.full(int(np.nanmax(values)) + 1, 1_000_001)
    place[seen] = np.arange(len(seen))
    codes = np.where(np.isnan(values), MISSING, place[np.nan_to_num(values).astype(int)])
    return CategoricalGrid(tuple(f"v{v}" for v in seen)), codes.astype(np.int32)


def _pack(
    series: Series, slots: NDArray, codes: NDArray, there: NDArray, packed: dict, totals: dict, kept: dict
) -> None:
    """Counts by block: the total of a day, and where the log is cut by hours, those, too."""
    known, place = np.unique(codes, return_inverse=True)
    place = place.reshape(codes.shape) + len(known) * np.arange(len(codes))[:, None]
    table = np.bincount(place[there], minlength=len(known) * len(codes)).reshape(len(codes), len(known))
    packed[series] = {}
    per = BLOCK // int(slots[1] - slots[0])
    for at in range(0, len(slots), per):
        day = int(slots[at] // BLOCK)
        packed[series][day] = Packed(b"", b"")
        total = table[at : at + per].sum(axis=0)
        totals[series, day] = Histogram(known[total > 0].astype(np.int32), total[total > 0])
        if per > 1 or series.kind == Kind.ROWS:
            hour, class_ = np.nonzero(table[at : at + per])
            when = slots[at + hour]
            kept[series, day] = cells(when, when, known[class_], table[at + hour, class_])
