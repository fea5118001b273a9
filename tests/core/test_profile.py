"""Profiles: a baseline survives being written down."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.grid import BucketGrid, CategoricalGrid, NumericGrid, ScoreGrid
from monitoring.core.profile import Column, Profile, as_document, from_document
from monitoring.core.summary import Kind

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.lists(st.text(max_size=6), max_size=5, unique=True).map(tuple)
LIMITS = st.lists(NUMBER, max_size=5, unique=True).map(sorted).map(tuple)
GRIDS = st.one_of(
    st.builds(NumericGrid, NUMBER, st.floats(1e-9, 1e9), LIMITS),
    st.just(ScoreGrid()),
    st.builds(BucketGrid, LIMITS),
    st.builds(CategoricalGrid, TEXTS, TEXTS, st.booleans()),
)
TYPES = st.sampled_from(["number", "text", "boolean", "time", "other"])
COUNTS = st.integers(0, 10**9)
COLUMNS = st.builds(
    Column,
    st.sampled_from(list(Kind)),
    st.text(max_size=8),
    TYPES,
    GRIDS,
)
PROFILES = st.builds(
    Profile,
    st.lists(COLUMNS, max_size=4).map(tuple),
    st.dictionaries(st.text(max_size=6), TEXTS, max_size=3),
    TEXTS,
    COUNTS,
    st.none() | st.integers(0, 500_000),
    st.none() | st.integers(0, 500_000),
    st.dictionaries(st.text(max_size=6), TYPES, max_size=4),
)


@STEADY
@given(PROFILES)
def test_a_profile_read_back_from_its_json_is_the_same(profile):
    assert from_document(json.loads(json.dumps(as_document(profile)))) == profile


@STEADY
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_a_grid_read_back_gives_every_value_the_same_class(centre, scale):
    column = Column(Kind.FEATURE, "x", "number", NumericGrid(centre, scale, (centre, centre + scale)))
    (again,) = from_document(json.loads(json.dumps(as_document(Profile((column,)))))).columns
    values = centre + scale * np.random.default_rng(10).normal(0, 5, 100)
    np.testing.assert_array_equal(again.grid.code(values), column.grid.code(values))


SCORE = Column(Kind.SCORE, "x", "number", ScoreGrid())
FEATURE = Column(Kind.FEATURE, "x", "number", NumericGrid(0.0, 1.0))


def test_a_column_is_found_by_its_part_and_name():
    profile = Profile((SCORE, FEATURE))
    assert profile.find(Kind.FEATURE, "x") is FEATURE
    assert profile.find(Kind.SCORE, "x") is SCORE
    assert profile.find(Kind.LABEL, "x") is None
