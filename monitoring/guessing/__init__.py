"""Guessing what the columns of a log are."""
