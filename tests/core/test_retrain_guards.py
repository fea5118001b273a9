"""What speaks against a retrain: every guard row by row, and all of them at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring.core.retraining.guards import Facts, Guard, Limits, objections

NOW = datetime(2026, 9, 24, 12, tzinfo=UTC)
SINCE = datetime(2026, 4, 1, tzinfo=UTC)
GOOD = Facts(NOW, True, (), SINCE, 10_000, 9_000, {"0": 8_000, "1": 1_000})
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

ROWS: list[tuple[str, dict[str, Any], list[Guard], str]] = [
    ("all is well", {}, [], ""),
    ("no dispatcher", {"dispatches": False}, [Guard.DISPATCHER], "No dispatcher is set up"),
    ("a retrain an hour ago", {"dispatched": (NOW - HOUR,)}, [Guard.COOLDOWN], "ends in 23 h"),
    ("a retrain just over a day ago", {"dispatched": (NOW - 25 * HOUR,)}, [], ""),
    ("two in the week", {"dispatched": (NOW - 2 * DAY, NOW - 6 * DAY)}, [Guard.MOST_PER_WEEK], "2 are allowed"),
    ("two, one of them longer ago", {"dispatched": (NOW - 2 * DAY, NOW - 7 * DAY)}, [], ""),
    ("one label too few", {"labels": 999, "predictions": 1_000}, [Guard.LABELS], "999 new mature labels since 2026-04"),
    ("just enough labels", {"labels": 1_000, "predictions": 1_000}, [], ""),
    ("nothing evaluated", {"labels": None, "predictions": None}, [Guard.LABELS], "not known"),
    ("a rare class", {"classes": {"0": 8_951, "1": 49}}, [Guard.LABELS_PER_CLASS], "only 49 of class 1"),
    ("a regression", {"classes": {}}, [], ""),
    ("labels that stopped", {"labels": 4_999}, [Guard.LABEL_COVERAGE], "50% of the 10,000 predictions"),
    ("broken data", {"broken": ("quality.missing of temp: 40 % missing.",)}, [Guard.BROKEN_DATA], "Mend the data"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changed", "guards", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_each_guard_objects_to_its_own(name: str, changed: dict[str, Any], guards: list[Guard], words: str) -> None:
    found = objections(replace(GOOD, **changed), Limits())
    assert [o.guard for o in found] == guards
    assert words in " ".join(o.words for o in found)


def test_all_reasons_are_given_never_only_the_first() -> None:
    bad = Facts(NOW, False, (NOW - HOUR, NOW - DAY), SINCE, 1_000, 10, {"0": 9, "1": 1}, ("one.", "two."))
    found = objections(bad, Limits())
    assert [o.guard for o in found] == [*Guard, Guard.BROKEN_DATA]
    assert [o.guard for o in found if not o.overridable] == [Guard.DISPATCHER]
