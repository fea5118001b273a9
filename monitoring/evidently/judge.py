"""Drift verdicts by Evidently's own stattests, where an owner chose `method: evidently:<name>`.

They need rows, so this is no pure function: a sample is read of the reference and of each window to be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from monitoring.core.grid import CategoricalGrid
from monitoring.core.profile import Column
from monitoring.core.verdict import Status, Verdict
from monitoring.errors import LeewayError
from monitoring.evidently.stattest import run
from monitoring.evidently.windows import drawn, reference_bounds, reference_reader
from monitoring.fleet import Threshold
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds
from monitoring.verdicts.drift import PREFIX
from monitoring.verdicts.effect import CHECKS
from monitoring.verdicts.subject import MIN_ROWS, Subject

LIMIT, SEED = 20_000, 0


def judge(subject: Subject, base: Path, as_of: datetime | None = None) -> Iterator[Verdict]:
    """The verdicts of every column for which an Evidently test was chosen, on the whole of each window.

    Nothing logged after `as_of` is used.
    """
    chosen = [
        (column, own)
        for column in subject.profile.columns
        if column.kind in CHECKS and column.name
        and (own := subject.threshold(CHECKS[column.kind], column.name)) is not None
        and (own.method or "").startswith(PREFIX)
    ]  # fmt: skip
    windows = [w for w in subject.windows if subject.comparable(w)]
    if not chosen or not windows:
        return
    with (
        closing(LogReader(subject.model, base, as_of)) as reader,
        reference_reader(subject.model, base, None, reader) as other,
    ):
        frozen = replace(reference_bounds(other, None, other is not reader), as_of=as_of)
        reference, _ = drawn(other, frozen, LIMIT, SEED, "reference")
        for window in windows:
            current = pd.DataFrame()
            if subject.current.rows(window):
                current, _ = drawn(reader, Bounds(((window.first, window.last),), as_of), LIMIT, SEED, "current window")
            face = subject.window(window, len(current))
            for column, own in chosen:
                verdict = Verdict(
                    subject.model.key, CHECKS[column.kind], face, Status.OK, "", column=column.name, method=own.method
                )
                yield _judged(verdict, column, own, reference, current)


def _judged(
    verdict: Verdict, column: Column, own: Threshold, reference: pd.DataFrame, current: pd.DataFrame
) -> Verdict:
    if current.empty:
        return verdict._replace(status=Status.NO_DATA, reason="No row in this window.")
    fewest = own.min_rows or MIN_ROWS
    if min(len(current), len(reference)) < fewest:
        reason = f"{min(len(current), len(reference)):,} rows; at least {fewest} are needed."
        return verdict._replace(status=Status.INSUFFICIENT_DATA, reason=reason)
    level = own.breached if own.breached is not None else own.warning
    try:
        found = run(
            (own.method or "").removeprefix(PREFIX), reference[column.name], current[column.name],
            "categorical" if isinstance(column.grid, CategoricalGrid) else "numeric", level,
        )  # fmt: skip
    except (LeewayError, KeyError) as error:
        return verdict._replace(status=Status.FAILED, reason=str(error))
    beyond = Status.WARNING if own.breached is None and own.warning is not None else Status.BREACHED
    reason = (
        f"{(own.method or '').removeprefix(PREFIX)} by Evidently gives {found.score:.4g} "
        f"against {found.threshold:.4g}, "
        f"on a sample of {len(current):,} rows against {len(reference):,}."
    )
    return verdict._replace(
        status=beyond if found.drifted else Status.OK, value=found.score, threshold=found.threshold,
        breached=found.threshold, automatic=level is None, reason=reason,
    )  # fmt: skip
