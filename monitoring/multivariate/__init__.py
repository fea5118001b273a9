"""Multivariate drift: rows of a window against rows of the reference."""
