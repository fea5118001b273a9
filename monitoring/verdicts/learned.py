"""What all the columns of a model say together of how far its windows differ, and how much they resemble the ones
before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from monitoring.core.calibration.matching import classes
from monitoring.core.calibration.priors import Told, priors, told, told_later
from monitoring.core.calibration.windows import Known
from monitoring.core.summary import Kind
from monitoring.core.window import Slots
from monitoring.verdicts.monitored import Floats, Monitored, spread
from monitoring.verdicts.past import Cut, Past, cut_of, held, times
from monitoring.verdicts.subject import Subject


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Of a column: the `priors` of how far its windows differ, by what is measured, and how many windows after the
    reference, beyond one a stretch, they were learned from, too (`later`)."""

    priors: dict[str, Floats] = field(default_factory=dict)
    later: int = 0


NOTHING = Learned()


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What a column's windows say: those of the reference, of which it has `cut`, and each stretch after it, with the
    windows that hold a row."""

    cut: Cut
    told: Told
    stretches: dict[tuple[Slots, ...], tuple[int, dict[str, Floats]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Priors:
    """What is learned, for every past and way to match windows once."""

    subject: Subject
    monitored: Sequence[Monitored]
    _known: dict[tuple[object, ...], dict[tuple[Kind, str], Learned]] = field(default_factory=dict)
    _said: dict[tuple[object, ...], dict[tuple[Kind, str], _Said]] = field(default_factory=dict)

    def of(self, m: Monitored, past: Past, how: str) -> Learned:
        """For a column; nothing where there are too few windows of this length."""
        key = *past.key, how
        if key not in self._known:
            self._known[key] = self._learned(past, how)
        return self._known[key].get(m.column.key, NOTHING)

    def _learned(self, past: Past, how: str) -> dict[tuple[Kind, str], Learned]:
        key = *replace(past, later=()).key, how
        if key not in self._said:
            self._said[key] = self._told(past, how)
        said = self._said[key]
        if not said:
            return {}
        windows = sorted({window for one in said.values() for window in one.cut.windows})
        place = {window: at for at, window in enumerate(windows)}
        columns, later = [], []
        for m in self.monitored:
            if m.column.key not in said:
                continue
            one = said[m.column.key]
            apart = np.zeros(len(windows))  # a column may have no row in some
            apart[[place[w] for w in one.cut.windows]] = one.told.apart
            after = [self._after(m, one, stretch, how) for stretch in past.later if m.column.kind != Kind.LABEL]
            later.append(sum(max(many - 1, 0) for many, _ in after))
            columns.append(replace(one.told, apart=apart, later=_product([found for _, found in after])))
        found = zip(said, priors(columns), later, strict=True)
        return {column: Learned(prior, many) for column, prior, many in found}

    def _told(self, past: Past, how: str) -> dict[tuple[Kind, str], _Said]:
        out = {}
        for m in self.monitored:
            cut = cut_of(self.subject, m, "", past)
            if not cut.windows:
                continue
            codes, counts = cut.counts
            try:
                out[m.column.key] = _Said(cut, told(m.grid, codes, self._windows(cut.windows, counts, how, cut.longer)))
            except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError):
                continue  # it has nothing to say of the others; its own verdict fails with the reason
        return out

    def _after(self, m: Monitored, said: _Said, stretch: tuple[Slots, ...], how: str) -> tuple[int, dict[str, Floats]]:
        """How many of a stretch's windows hold rows of a column, and what they say."""
        if stretch not in said.stretches:
            codes, counts = m.table(self.subject, self.subject.current, stretch, "")
            windows, counts = held(stretch, counts)
            found: dict[str, Floats] = {}
            if windows:
                every = np.union1d(said.cut.counts[0], codes).astype(np.int32)
                known = self._windows(said.cut.windows, spread(every, *said.cut.counts), how, said.cut.longer)
                after = self._windows(windows, spread(every, codes, counts), how, 1)
                with suppress(ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError):
                    found = told_later(m.grid, every, known, after)  # else it teaches nothing
            said.stretches[stretch] = len(windows), found
        return said.stretches[stretch]

    def _windows(self, windows: list[Slots], counts: Floats, how: str, longer: int) -> Known:
        matched = classes(how, windows)
        return Known(counts, matched, times(windows, self.subject.by_rows), int(matched.max()) + 1, longer=longer)


def _product(each: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    """By what is measured, how well each possibility goes with all of them."""
    names = {name for one in each for name in one}
    return {name: np.prod([one[name] for one in each if name in one], axis=0) for name in sorted(names)}
