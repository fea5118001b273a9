"""The ROC AUC's error and that of a paired difference, from placements: DeLong's test.

DeLong, DeLong & Clarke-Pearson (1988), computed from midranks in O(n log n) as Sun & Xu (2014) do, and clustered by
blocks of rows as Obuchowski (1997) does: rows of one day share a weather, so that days are what is independent.
"""

from __future__ import annotations

import math

import numpy as np

from monitoring.core.diagnosis.interval import Codes, Floats, Interval
from monitoring.core.diagnosis.row_metric import RowMetric

AUC = RowMetric("roc_auc")


def auc(score: Floats, truth: Floats, codes: Codes | None = None) -> Interval | None:
    """The AUC of scores for labels 0 and 1, shapes (n,), with its standard error.

    `codes` are the rows' blocks, from 0; None: rows are independent. None comes back where a class has fewer than two
    rows, or where there are fewer than two blocks.
    """
    return _interval(_placements(score, truth), truth, codes)


def auc_change(of: Floats, to: Floats, truth: Floats, codes: Codes | None = None) -> Interval | None:
    """What the AUC changes by from one score to another of the same rows, paired."""
    return _interval(_placements(to, truth) - _placements(of, truth), truth, codes)


def _placements(score: Floats, truth: Floats) -> Floats:
    """Of each row, the share of rows of the other class on the right side of it; ties count half."""
    positives = truth.sum()
    size = np.where(truth > 0, positives, len(truth) - positives)
    return np.asarray(1 - AUC.losses(score, truth) * 2 * size / len(truth))


def _interval(placed: Floats, truth: Floats, codes: Codes | None) -> Interval | None:
    """From placements, or differences of them: their mean is the same in both classes."""
    hit = truth > 0
    sizes = int(hit.sum()), int((~hit).sum())
    if min(sizes) < 2:
        return None
    value = float(placed[hit].mean())
    if codes is None:
        parts = (placed[hit].var(ddof=1) / sizes[0], placed[~hit].var(ddof=1) / sizes[1])
        return Interval(value, math.sqrt(sum(parts)), float(len(truth) - 2))
    influence = (placed - value) / np.where(hit, *sizes)
    sums = np.bincount(codes, influence)
    count = len(sums)
    if count < 2:
        return None
    return Interval(value, math.sqrt(count / (count - 1) * float((sums**2).sum())), float(count - 1))
