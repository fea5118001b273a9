"""One model's logs, opened: what changed in them, and their rows as relations of one engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, literal_column, make_url, select

from monitoring.errors import MappingError, SourceError
from monitoring.fleet import Model
from monitoring.fleet.logs import Log, expand
from monitoring.logs import times
from monitoring.logs.engine import DuckEngine, LogEngine, PostgresEngine, column_type, quoted
from monitoring.logs.expressions import real, slot, text_of
from monitoring.logs.mapping import check, used_columns
from monitoring.logs.rows import Bounds, Relation, row_slots
from monitoring.logs.source import PART, Part, Source, Times, open_source
from monitoring.logs.sums import Census

Role = Literal["predictions", "labels"]


class EmptyError(SourceError):
    """Parts of a log that hold no rows, and so do not show what their columns are."""


@dataclass
class LogReader:
    """The prediction log of a model, and its labels, in one engine. Close it when done.

    `threads` is how many may read, where rows are read here. `notices` are things a person should know that stopped
    nothing; `bad` are parts left out, with the reason.
    """

    model: Model
    base: Path
    as_of: datetime | None = None
    threads: int | None = None
    notices: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    _relations: dict[Role, Relation] = field(default_factory=dict)
    _provided: dict[Role, tuple[Part, ...]] = field(default_factory=dict)
    _said: dict[tuple[Part, str], Times | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._logs: dict[Role, Log] = {"predictions": self.model.predictions}
        if self.model.labels is not None:
            self._logs["labels"] = self.model.labels
        self._sources: dict[Role, Source] = {role: open_source(log, self.base) for role, log in self._logs.items()}
        url = _one_postgres(list(self._logs.values()))
        self.engine: LogEngine = PostgresEngine(url) if url else DuckEngine(self.threads)

    def close(self) -> None:
        """Let go of the engine."""
        self.engine.close()

    @property
    def roles(self) -> list[Role]:
        """The logs there are."""
        return list(self._logs)

    def parts(self, role: Role) -> list[Part]:
        """The pieces of a log as they are now."""
        return self._sources[role].parts()

    def relation(self, role: Role, parts: Sequence[Part]) -> Relation:
        """The rows of these parts. Parts that cannot be read are left out and noted in `bad`."""
        wanted = tuple(part for part in parts if part.name not in self.bad)
        if self._provided.get(role) != wanted:
            self._relations[role] = self._provide(role, wanted)
            self._provided[role] = tuple(part for part in wanted if part.name not in self.bad)
        return self._relations[role]

    def in_files(self, role: Role) -> bool:
        """Whether the rows are those of files, whose names they carry (in the column PART)."""
        return any(part.stamp for part in self._provided[role])

    def times(self, role: Role, relation: Relation, column: str) -> dict[str, Times] | None:
        """The times of each part of a relation, as the parts themselves say; None where only their rows do."""
        return self._times(role, self._provided[role], relation, column)

    def census(self, predictions: Relation, since: int | None = None) -> Census:
        """Rows and checksum of every slot, counted in one scan."""
        bounds = Bounds(((since, 1_000_000),) if since is not None else None, self.as_of)
        rows = row_slots(predictions, self.model, bounds)
        number = rows.c.slot_number if self.model.chunk.rows is not None else slot(rows.c.slot_seconds)
        used = used_columns(self.model.predictions.columns, predictions.types)
        counted = select(
            number.label("slot"),
            func.count().label("rows"),
            self.engine.checksum([rows.c[name] for name in used]).label("checksum"),
        ).group_by(number)
        found = self.engine.arrow(counted).to_pydict()
        triples = zip(found["slot"], found["rows"], found["checksum"], strict=True)
        return {int(s): (int(n), str(c)) for s, n, c in triples if s is not None}

    def labelled_slots(
        self, predictions: Relation, labels: Relation, since: datetime | None = None
    ) -> dict[str, tuple[set[int], int]]:
        """By part of the label log (a table is one, named ""): the slots of the predictions whose labels these are,
        and how many labels fit no prediction.

        `since` leaves out labels observed before that moment.
        """
        assert self.model.labels is not None
        identity = self.model.labels.columns.id or ""
        rows = row_slots(predictions, self.model, Bounds(None, self.as_of))
        number = rows.c.slot_number if self.model.chunk.rows is not None else slot(rows.c.slot_seconds)
        source = labels.clause
        mine: ColumnElement[Any]
        theirs: ColumnElement[Any]
        mine, theirs = rows.c[self.model.predictions.columns.id or ""], source.c[identity]
        kind, other = predictions.types[self.model.predictions.columns.id or ""], labels.types[identity]
        if kind != other:
            mine, theirs = text_of(mine, kind), text_of(theirs, other)
        by_part = self.in_files("labels")
        keys: list[Any] = [literal_column(quoted(PART)).label("part")] if by_part else []
        joined = (
            select(*keys, number.label("slot"), func.count().label("n"))
            .select_from(source.outerjoin(rows, theirs == mine))
            .group_by(*keys, number)
        )
        observed = self.model.labels.columns.observed_at
        if since is not None and observed is not None:
            joined = joined.where(labels.seconds(source, observed) >= real(since.timestamp()))
        found = self.engine.arrow(joined).to_pydict()
        out: dict[str, tuple[set[int], int]] = {}
        names = found["part"] if by_part else [""] * len(found["n"])
        for name, at, n in zip(names, found["slot"], found["n"], strict=True):
            slots, alone = out.get(str(name), (set(), 0))
            if at is None:
                alone += int(n)
            else:
                slots.add(int(at))
            out[str(name)] = slots, alone
        orphans = sum(alone for _, alone in out.values())
        if orphans and self.as_of is None:
            self.notices.append(f"{orphans:,} labels fit no prediction: is `id` the same in both logs?")
        return out

    def newest(self, role: Role, relation: Relation) -> datetime | None:
        """The newest row's moment; None without rows or without a time column."""
        columns = self._logs[role].columns
        name = columns.timestamp if role == "predictions" else columns.observed_at
        if name is None:
            return None
        newest = func.max(relation.seconds(relation.clause, name))
        value = self.engine.arrow(select(newest.label("at")))["at"][0].as_py()
        return None if value is None else datetime.fromtimestamp(float(value), tz=UTC)

    def _times(self, role: Role, parts: Sequence[Part], relation: Relation, column: str) -> dict[str, Times] | None:
        if relation.types[column] != "time":
            return None
        for part in parts:
            if (part, column) not in self._said:
                self._said[part, column] = self._sources[role].times(part, column)
        said = {part.name: found for part in parts if (found := self._said[part, column]) is not None}
        return said if len(said) == len(parts) else None

    def _provide(self, role: Role, parts: Sequence[Part]) -> Relation:
        log = self._logs[role]
        where = f"{self.model.key} {role} ({log.place})"
        if isinstance(self.engine, DuckEngine):
            self._fill(self.engine, role, parts)
            name: str = role
        else:
            name = log.table or ""
        raw = self.engine.describe(name)
        raw.pop(PART, None)
        types = {column: column_type(kind) for column, kind in raw.items()}
        try:
            check(log, types, where, self.model.task)
        except MappingError as error:
            rows = select(func.count().label("n")).select_from(Relation(name, types).clause)
            if self.engine.arrow(rows)["n"][0].as_py() == 0:  # without rows, columns of CSV and JSON have no types
                raise EmptyError("the log holds no rows yet", where=where) from error
            raise
        good = [part for part in parts if part.name not in self.bad]
        return Relation(name, types, self._ticks(role, good, Relation(name, types), raw, where))

    def _fill(self, engine: DuckEngine, role: Role, parts: Sequence[Part]) -> None:
        """Provide all parts; where that fails, find the bad ones by trying each alone."""
        source = self._sources[role]
        good = list(parts)
        try:
            source.provide(engine, role, good)
            return
        except SourceError as error:
            if len(good) == 1:
                where = good[0].name if good[0].stamp else error.where
                raise SourceError(error.what, where=where, mend=error.mend) from error
        for part in parts:
            try:
                source.provide(engine, role, [part])
                engine.arrow(f"SELECT count(*) FROM {quoted(role)}")
            except SourceError as error:
                self.bad[part.name] = f"{part.name} cannot be read and is left out: {error.what}"
                good.remove(part)
        if not good:
            raise SourceError(
                "none of the files can be read", where=self._logs[role].place, mend=next(iter(self.bad.values()))
            )
        source.provide(engine, role, good)

    def _ticks(
        self, role: Role, parts: Sequence[Part], relation: Relation, raw: dict[str, str], where: str
    ) -> dict[str, float]:
        """Seconds a tick of each time column; a notice for times without a zone."""
        columns = self._logs[role].columns
        main = "timestamp" if role == "predictions" else "observed_at"
        found = {part: name for part in (main, "observed_at") if (name := getattr(columns, part)) is not None}
        if main in found:
            upper = raw[found[main]].upper()
            if relation.types[found[main]] == "time" and "ZONE" not in upper and "TZ" not in upper:
                notice = f"{found[main]} has no time zone; read as UTC."
                if notice not in self.notices:
                    self.notices.append(notice)
        in_order = self.model.chunk.rows is not None  # then a column of times need be no more than an order
        ticks = {}
        for part, name in found.items():
            kind = relation.types[name]
            if in_order and kind != "number":
                continue
            said = self._times(role, parts, relation, name)
            newest = max(there.last for there in said.values()) if said else times.newest(self.engine, relation, name)
            if not in_order:
                times.check(self.engine, relation, part, name, newest, where)
            ticks[name] = times.tick(kind, newest)
        return ticks


def _one_postgres(logs: list[Log]) -> str | None:
    """The URL where all logs are tables of one PostgreSQL database."""
    urls = {expand(log.url or "") if log.source == "sql" else "" for log in logs}
    if len(urls) != 1:
        return None
    url = urls.pop()
    if not url or make_url(url).get_backend_name() != "postgresql":
        return None
    driver = make_url(url)
    if driver.drivername == "postgresql":
        driver = driver.set(drivername="postgresql+psycopg")
    return driver.render_as_string(hide_password=False)
