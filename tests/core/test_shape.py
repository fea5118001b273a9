"""Counts made ready to be drawn keep their shares."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.core.binned import Binned
from monitoring.core.shape import REST, density, shares


def numeric(reference: list[float], current: list[float], edges: list[float]) -> Binned:
    return Binned("numeric", np.array(reference), np.array(current), np.array(edges[:-1]), np.array(edges[1:]))


def test_a_density_adds_up_to_the_rows_inside() -> None:
    found = density(numeric([10, 20, 10], [0, 5, 5], [0, 1, 3, 4]))
    assert found is not None
    width = found.edges[1] - found.edges[0]
    assert found.reference.sum() * width == pytest.approx(1.0)
    assert found.current.sum() * width == pytest.approx(1.0)
    assert found.outside == pytest.approx(0.0)


def test_what_lies_far_out_is_told_and_not_drawn() -> None:
    found = density(numeric([1, 1000, 1], [1, 1000, 1], [-1e6, 0, 1, 1e6]))
    assert found is not None
    assert (found.edges[0], found.edges[-1]) == (0, 1)
    assert found.outside == pytest.approx(2 / 1002)


def test_one_value_and_no_value_can_be_drawn() -> None:
    assert density(numeric([0, 0], [0, 0], [0, 1, 2])) is None
    found = density(numeric([5], [5], [3, 3]))
    assert found is not None and found.reference.sum() * (found.edges[1] - found.edges[0]) == pytest.approx(1.0)


def test_the_largest_categories_of_either_window_are_kept() -> None:
    nan = np.full(4, np.nan)
    binned = Binned("categorical", np.array([50.0, 30, 15, 5]), np.array([0.0, 10, 0, 90]), nan, nan)
    found = shares(binned, ("a", "b", "c", "d"), top=2)
    assert found.names == ("d", "a", REST)
    assert found.reference.sum() == pytest.approx(1.0) and found.current.sum() == pytest.approx(1.0)
