"""Estimated performance that needs rows: losses of regressions, and classes that do not follow from a score."""
