"""A log that has stopped pages once a window is over without a row, whatever the newest window is still to bring."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitoring.core.verdict import Flag
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from tests.logs_of import START, binary_model, flights, write

DAYS = 6


@pytest.mark.parametrize(
    ("day", "stopped"),
    [(DAYS, False), (DAYS + 0.3, False), (DAYS + 0.9, False), (DAYS + 1, True), (DAYS + 1.3, True), (DAYS + 2.1, True)],
)
def test_a_day_without_a_row_pages_once_it_is_over(tmp_path: Path, day: float, stopped: bool) -> None:
    store, now = connect(MEMORY), START + timedelta(days=day)
    create(store)
    document = binary_model(write(flights(DAYS, per_hour=4), "parquet", tmp_path))
    with transaction(store) as session:
        models.apply(session, [document], tmp_path, "test", now)
    with reading(store) as session:
        (watched,) = models.watched(session)
    summing_up = evaluate(store, watched, Scope(now=now, diagnosed=False), lambda: now, silent)[-1]
    told = "The log has stopped: no row since 8 March"
    assert (told in summing_up.reason) == stopped
    assert not stopped or summing_up.flag == Flag.PAGE
    usual = "; the median of the same hours in the earlier week is 96."
    assert (f"{told}{usual}" in summing_up.reason) == (day > DAYS + 2), (
        "the Monday has a Monday before it, the Sunday none"
    )


def silent(share: float, words: str) -> None:
    """Nobody watches."""


def test_rows_that_come_again_end_it(tmp_path: Path) -> None:
    log = flights(DAYS + 2, per_hour=4)
    resumed: datetime = START + timedelta(days=DAYS + 1.3)
    gap = (log.ts >= START + timedelta(days=DAYS)) & (log.ts < START + timedelta(days=DAYS + 1))
    store = connect(MEMORY)
    create(store)
    with transaction(store) as session:
        document = binary_model(write(log[~gap & (log.ts < resumed)], "parquet", tmp_path))
        models.apply(session, [document], tmp_path, "test", resumed)
    with reading(store) as session:
        (watched,) = models.watched(session)
    found = evaluate(store, watched, Scope(now=resumed, diagnosed=False), lambda: resumed, silent)
    assert "The log has stopped" not in found[-1].reason
