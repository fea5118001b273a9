"""Estimated performance before labels come: CBPE for classifications, DLE for regressions."""
