"""What the reference looked like: the frozen grids, its frequent values, and its span."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from monitoring.core.grid import BucketGrid, CategoricalGrid, Grid, NumericGrid, ScoreGrid
from monitoring.core.summary import Kind

ColumnType = Literal["number", "text", "boolean", "time", "other"]

VERSION = 3
"""Of grids and summaries: another one makes every baseline anew, and older ones are not read."""

_TYPES: dict[type, str] = {
    NumericGrid: "numeric",
    ScoreGrid: "score",
    BucketGrid: "buckets",
    CategoricalGrid: "categorical",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One summarised column: its part (`kind`), its name in the log, its type there, and its frozen grid."""

    kind: Kind
    name: str
    type: ColumnType
    grid: Grid

    @property
    def key(self) -> tuple[Kind, str]:
        """What identifies it within a model."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Profile:
    """A baseline: columns with grids, slice columns with their frequent values, classes, and the reference's span.

    `first` and `last` are the reference's slots where it is a window of the log itself; both None where it is
    a log of its own. `identifiers` are columns that no feature is made of, as nearly every row holds another value.
    """

    columns: tuple[Column, ...]
    slices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    n: int = 0
    first: int | None = None
    last: int | None = None
    types: dict[str, ColumnType] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()

    def find(self, kind: Kind, name: str) -> Column | None:
        """The column of that part and name."""
        return next((c for c in self.columns if c.key == (kind, name)), None)


def as_document(profile: Profile) -> dict[str, Any]:
    """As JSON values."""
    return {
        "version": VERSION,
        "columns": [
            {"kind": c.kind, "name": c.name, "type": c.type, "grid": _grid_document(c.grid)} for c in profile.columns
        ],
        "slices": {k: list(v) for k, v in profile.slices.items()},
        "classes": list(profile.classes),
        "n": profile.n,
        "first": profile.first,
        "last": profile.last,
        "types": profile.types,
        "identifiers": list(profile.identifiers),
    }


def is_current(document: dict[str, Any]) -> bool:
    """Whether a document is of this version; one without a version is of the first."""
    return bool(document.get("version", 1) == VERSION)


def from_document(document: dict[str, Any]) -> Profile:
    """The profile that `as_document` was given, in this version."""
    columns = tuple(Column(Kind(c["kind"]), c["name"], c["type"], _grid(c["grid"])) for c in document["columns"])
    return Profile(
        columns,
        {k: tuple(v) for k, v in document["slices"].items()},
        tuple(document["classes"]),
        document["n"],
        document["first"],
        document["last"],
        document["types"],
        tuple(document.get("identifiers", ())),
    )


def _grid_document(grid: Grid) -> dict[str, Any]:
    return {"type": _TYPES[type(grid)], **asdict(grid)}


def _grid(document: dict[str, Any]) -> Grid:
    values = {k: v for k, v in document.items() if k != "type"}
    if document["type"] == "score":
        return ScoreGrid()
    if document["type"] == "buckets":
        return BucketGrid(tuple(values["cuts"]))
    if document["type"] == "numeric":
        return NumericGrid(values["centre"], values["scale"], tuple(values["cuts"]))
    return CategoricalGrid(tuple(values["values"]), tuple(values["others"]), values["complete"])
