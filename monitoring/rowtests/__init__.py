"""Tests that look at rows, all columns together: one file each."""
