"""Codes of the outcome and service classes: how score, prediction and label share one class."""

from __future__ import annotations

from monitoring.core.grid import ScoreGrid

SCORE_GRID = ScoreGrid()
NO_SCORE = SCORE_GRID.top + 1
"""Score class of a prediction without a score; those below are SCORE_GRID's, held within its classes of 0 and 1."""

NO_LATENCY = -8000
"""Latency class of a request whose latency was not logged; the others are buckets, from 0."""

OK, CLIENT_ERROR, SERVER_ERROR, EXCLUDED = 0, 1, 2, 3
"""Status classes. Availability is over OK and SERVER_ERROR: a client's own error is not the service's."""

REGRESSION_SUMS = (
    "n",
    "error",
    "absolute_error",
    "squared_error",
    "label",
    "squared_label",
    "absolute_label",
    "absolute_percentage_error",
    "n_percentage",
    "covered",
    "n_interval",
    "fourth_power_error",
)
"""The exact sums of a regression's outcomes, in the order they are stored."""


def binary_code(score_class: int, predicted: int, label: int) -> int:
    """Class of a binary outcome."""
    return score_class * 4 + predicted * 2 + label


def service_code(latency_class: int, status: int) -> int:
    """Class of a request; Python's // and % take it apart again, also below zero."""
    return latency_class * 4 + status
