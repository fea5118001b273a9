"""Drift tests, one a file. Each compares two windows' counts on one grid; see registry.py."""
