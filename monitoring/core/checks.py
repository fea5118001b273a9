"""The names of the checks: the same in the fleet file, the JSON, the database and on screen."""

from __future__ import annotations

CHECKS = {
    "drift": "Drift of the model as a whole: the share of its inputs that drifted",
    "drift.feature": "Drift of one feature against the reference window",
    "drift.prediction": "Drift of the prediction (the score, or the predicted value)",
    "drift.label": "Drift of the label",
    "drift.false_alarms": "False alarms that the drift checks raise on the reference itself, a quarter",
    "drift.multivariate": "Drift of all columns taken together, and of the prediction given its features",
    "quality.missing": "Share of missing values, against the reference window",
    "quality.range": "Share of values outside the reference window's range",
    "quality.unseen": "Share of categories never seen in the reference window",
    "quality.volume": "Rows against the same hours of earlier weeks",
    "quality.schema": "Columns gone, or of another type",
    "quality.duplicates": "Share of rows whose id came before",
    "quality.labels": "Labels that are late, lost or stopped, against their own delay",
    "slo.latency": "Error budget of the latency objective",
    "slo.availability": "Error budget of the availability objective",
    "slo.quality": "Error budget of the quality objective: predictions that came out right, of those with their labels",
    "slo.freshness": "Age of the newest prediction, and error budget of the time in which it was young enough",
    "model": "The summing-up: healthy, watch, retrain or page",
}
FAMILIES = {
    "performance": "Realised performance, from labels as they arrived",
    "estimated": "Performance estimated before labels come",
}


PLANNED = ("parity.feature", "cost.budget")
"""Accepted in a fleet file, so that one file serves several versions; answered with `no_data`."""


def known(name: str) -> bool:
    """Whether a check of this name exists. Metric names are checked where the task is known."""
    if name in PLANNED:
        return True
    return name in CHECKS or (name.split(".")[0] in FAMILIES and name.count(".") == 1)
