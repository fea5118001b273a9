"""Incidents: one cause told once, and no cause made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.incident import Cause, Known, incidents, matched
from monitoring.core.movement import WORDS, Move, Movement, alike, run, span

JULY = datetime(2026, 7, 3, tzinfo=UTC)
DAY = timedelta(days=1)
WARMER = Move("median", 40.0, 66.0)


def moved(model: str, column: str = "temp", when: datetime = JULY, window: timedelta = DAY, **more: Any) -> Movement:
    began, earliest, latest = span(when, None, window)
    out = Movement(model, "drift", column, f"/logs/{model}", "", began, earliest, latest, "median 40 → 66", WARMER)
    return replace(out, **more)


def titles(*movements: Movement) -> list[str]:
    return [i.title(JULY + 10 * DAY) for i in incidents(movements)]


def test_a_feature_that_moved_in_several_models_at_once_is_one_incident() -> None:
    assert titles(moved("eta"), moved("risk"), moved("demand")) == ["temp moved in 3 models since 3 July"]


def test_a_model_alone_makes_none() -> None:
    assert titles(moved("eta"), moved("eta", "wind"), moved("eta", what="missing")) == []


def test_two_unrelated_moves_at_one_time_are_two() -> None:
    found = titles(moved("eta"), moved("risk"), moved("eta", "price"), moved("risk", "price"))
    assert found == ["price moved in 2 models since 3 July", "temp moved in 2 models since 3 July"]


def test_different_columns_of_different_models_have_nothing_in_common() -> None:
    assert titles(moved("eta", "temp"), moved("risk", "price")) == []


def test_the_same_at_different_times_is_two() -> None:
    later = JULY + 20 * DAY
    found = titles(*(moved(m, when=w) for m, w in (("a", JULY), ("b", JULY), ("c", later), ("d", later))))
    assert sorted(found) == ["temp moved in 2 models since 23 July", "temp moved in 2 models since 3 July"]


def test_a_week_that_holds_the_day_is_the_same_time() -> None:
    week = moved("weekly", when=JULY - 3 * DAY, window=7 * DAY)
    assert titles(week, moved("daily")) == ["temp moved in 2 models since 3 July"]


def test_a_slow_move_is_at_one_time_with_the_jump_it_led_up_to() -> None:
    began, earliest, latest = span(JULY - 40 * DAY, JULY, DAY)
    assert titles(moved("slow", began=began, earliest=earliest, latest=latest), moved("sudden")) == [
        "temp moved in 2 models since 3 July"
    ]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Move("median", 38.0, 56.0), True),
        (Move("median", 66.0, 40.0), False),
        (Move("median", 0.4, 0.66), False),
        (Move("share of UA", 40.0, 66.0), False),
        (None, False),
    ],
)
def test_features_of_one_name_must_have_made_the_same_move(other: Move | None, same: bool) -> None:
    assert alike(WARMER, other) == alike(other, WARMER) == same
    assert bool(titles(moved("eta"), moved("risk", move=other))) == same


def test_a_feed_needs_no_common_column_and_goes_before_its_features() -> None:
    found = titles(
        moved("eta", "temp", feed="weather"),
        moved("risk", "pressure", feed="weather", move=None, what="missing"),
        moved("risk", "temp", feed="weather"),
        moved("demand", "price"),
    )
    assert found == ["weather (pressure, temp) moved and went missing in 2 models since 3 July"]


def test_a_log_that_two_models_read_is_a_cause() -> None:
    one = [moved(m, "", what="schema", log="/logs/flights.parquet", move=None) for m in ("eta", "risk")]
    assert titles(*one) == ["flights.parquet changed its columns in 2 models since 3 July"]


def test_columns_of_a_shared_log_count_where_two_models_have_them() -> None:
    log = "/logs/flights.parquet"
    assert titles(moved("eta", "temp", log=log, move=None), moved("risk", "price", log=log, move=None)) == []
    shared = [moved(m, c, log=log, move=None) for m in ("eta", "risk") for c in ("temp", "price")]
    assert titles(*shared) == ["flights.parquet (price, temp) moved in 2 models since 3 July"]


def test_the_cause_that_explains_most_models_is_named() -> None:
    log = "/logs/flights.parquet"
    found = incidents([moved("eta", log=log), moved("risk", log=log), moved("demand")])
    assert [(i.cause, i.models) for i in found] == [(Cause.FEATURE, ("demand", "eta", "risk"))]


def test_the_reason_says_the_rule_and_what_each_saw() -> None:
    (found,) = incidents([moved("eta"), moved("risk")])
    assert "of one name and made the same move" in found.reason()
    assert "eta: temp median 40 → 66" in found.reason()


@pytest.mark.parametrize(
    ("bad", "first"),
    [("....", None), ("...B", 3), ("..BB", 2), ("B.BB", 0), ("B..B", 3), (".BB.", 1), ("BB..", None), ("", None)],
)
def test_a_run_lasts_until_two_windows_are_fine(bad: str, first: int | None) -> None:
    assert run([x == "B" for x in bad]) == first


def test_an_open_incident_goes_on_as_long_as_a_model_stays() -> None:
    found = incidents([moved("a"), moved("b"), moved("c", "price"), moved("d", "price")])
    known = [
        Known(7, "feature", "temp", "drift", frozenset({"b", "z"})),
        Known(8, "feature", "price", "drift", frozenset({"y", "z"})),
        Known(9, "feed", "temp", "", frozenset({"a", "b"})),
    ]
    assert dict(zip((i.name for i in found), matched(found, known), strict=True)) == {"temp": 7, "price": None}


movements = st.lists(
    st.builds(
        moved,
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.sampled_from(["temp", "wind", ""]),
        st.integers(0, 30).map(lambda n: JULY + n * DAY),
        st.sampled_from([DAY, 7 * DAY]),
        what=st.sampled_from(list(WORDS)),
        log=st.sampled_from(["/one", "/two", "/three"]),
        feed=st.sampled_from(["", "weather"]),
    ),
    max_size=14,
    unique_by=lambda m: (m.model, m.what, m.column),
)


@given(movements, st.randoms())
def test_every_incident_has_two_models_one_moment_and_no_movement_of_another(
    found: list[Movement], chance: Any
) -> None:
    made = incidents(found)
    told = [id(m) for i in made for m in i.movements]
    assert len(told) == len(set(told))
    for i in made:
        assert len(i.models) > 1
        assert max(m.earliest for m in i.movements) < min(m.latest for m in i.movements)
        assert max(m.earliest for m in i.movements) <= i.since
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert [(i.cause, i.name, i.what, i.since, i.models) for i in incidents(shuffled)] == [
        (i.cause, i.name, i.what, i.since, i.models) for i in made
    ]
