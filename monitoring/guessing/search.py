"""One search through the columns of a log: what was taken for which part, and why."""

from __future__ import annotations

from collections.abc import Callable

from monitoring.guessing.seen import Seen

Points = Callable[[Seen], float]


class Search:
    """One search: what was taken, and why."""

    def __init__(self, columns: list[Seen]) -> None:
        self.columns = {c.name: c for c in columns}
        self.found: dict[str, str] = {}
        self.because: dict[str, str] = {}

    def one(self, part: str) -> str | None:
        """The name of the column taken for a part."""
        return self.found.get(part)

    def column(self, part: str) -> Seen | None:
        """The column taken for a part."""
        return self.columns.get(self.found.get(part, ""))

    def take(self, part: str, name: str, why: str) -> None:
        """Take a column for a part."""
        self.found[part], self.because[part] = name, f"{why}."

    @property
    def free(self) -> list[Seen]:
        """The columns that play no part yet."""
        taken = set(self.found.values())
        return [c for c in self.columns.values() if c.name not in taken]

    def best(self, points: Points, least: float) -> Seen | None:
        """The free column with the most points, the first of equals; None where it has too few."""
        ranked = [(points(c), -i, c) for i, c in enumerate(self.free)]
        top = max(ranked, key=lambda r: r[:2], default=None)
        return top[2] if top is not None and top[0] >= least else None
