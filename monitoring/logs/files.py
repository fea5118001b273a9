"""Logs that are files: one, a folder of them, or a glob."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitoring.errors import SourceError
from monitoring.fleet import Log
from monitoring.logs.engine import DuckEngine, quoted
from monitoring.logs.source import PART, Part, Times
from monitoring.logs.times import EARLIEST

ODD_TIMES = ("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files that DuckDB reads with one of its table functions.

    `reader` is the function with places for the list of `{files}` and the `{part}` column; `loaded` parses the
    files once into memory instead of at every use, for formats where parsing is the cost. `footer` looks up the times
    of a file in the file itself, for formats that write them there.
    """

    log: Log
    base: Path
    suffixes: tuple[str, ...]
    reader: str
    loaded: bool
    footer: Callable[[str, str], Times | None] | None = None

    def parts(self) -> list[Part]:
        """Every file with its size and time of change."""
        found, empty = [], 0
        for path in _find(self.log.location or "", self.base, self.suffixes):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # went between listing and looking: as if listed a moment later
            if stat.st_size == 0 and self.loaded:
                empty += 1  # just begun: no header line yet
                continue
            found.append(Part(str(path), f"{stat.st_size}:{stat.st_mtime_ns}"))
        if not found and empty:
            raise SourceError("the log holds no rows yet", where=self.log.place)
        if not found:
            raise SourceError(
                "no file is there",
                where=self.log.place,
                mend=f"Relative locations start from {self.base} (then from {Path.cwd()}).",
            )
        return found

    def provide(self, engine: DuckEngine, relation: str, parts: Sequence[Part]) -> None:
        """A view (or a table) over the files."""
        listed = ", ".join("'" + part.name.replace("'", "''") + "'" for part in parts)
        kind = "TABLE" if self.loaded else "VIEW"
        rows = self.reader.format(files=f"[{listed}]", part=PART)
        create = f"CREATE OR REPLACE TEMP {kind} {quoted(relation)} AS SELECT *"
        engine.arrow(f"{create} FROM {rows}")
        kinds = engine.describe(relation)
        # as pandas writes them; DuckDB compares them with no time of another precision
        readable = {name: "TIMESTAMP" for name, its in kinds.items() if its in ODD_TIMES}
        times = {self.log.columns.timestamp, self.log.columns.observed_at}
        texts = [name for name, its in kinds.items() if name in times and its == "VARCHAR"]
        readable |= {name: "DOUBLE" for name in texts if _holds_epochs(engine, relation, name)}
        if readable:
            casts = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in readable.items())
            engine.arrow(f"{create} REPLACE ({casts}) FROM {rows}")

    def times(self, part: Part, column: str) -> Times | None:
        """What a file says of a time column without its rows being read."""
        return None if self.footer is None else self.footer(part.name, column)


def _holds_epochs(engine: DuckEngine, relation: str, column: str) -> bool:
    """Whether every text of a column is a number of ticks since 1970: such as "1400000000", not "20140513"."""
    value, number = quoted(column), f"try_cast({quoted(column)} AS DOUBLE)"
    counted = f"SELECT count({value}) - count({number}) AS other, min({number}) AS least FROM {quoted(relation)}"
    found = engine.arrow(counted).to_pylist()[0]
    return found["other"] == 0 and (found["least"] or 0.0) >= EARLIEST


def _find(location: str, base: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files at a location: relative to the fleet file first, then to the working directory."""
    for start in (base, Path.cwd()):
        place = start / location
        if place.is_dir():
            found = [p for p in place.rglob("*") if p.name.endswith(suffixes) and not p.name.startswith((".", "_"))]
        else:
            found = [Path(p) for p in glob.glob(str(place), recursive=True) if Path(p).is_file()]
        if found:
            return sorted(found)
    return []
