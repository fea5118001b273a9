"""What waiting costs: requests in the order in which retraining pays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Worth:
    """What a retrain is expected to be worth.

    `gain` is in the metric's unit, `rows` are predictions a day. `loss` is what a day of waiting costs and `cost` what
    the retrain does, both in the owner's unit; None where the model's `value` or `cost` is not set. `recovered` is the
    gain as a share of the metric's level: all there is to go by without a value.
    """

    metric: str
    gain: float
    unit: str
    rows: float
    loss: float | None
    cost: float | None
    recovered: float | None

    @property
    def pays_back(self) -> float | None:
        """Days after which it has paid for itself; None where that is not known, or never."""
        if self.loss is None or self.cost is None or self.loss <= 0:
            return None
        return self.cost / self.loss

    @property
    def order(self) -> tuple[float, ...]:
        """The most urgent first: by the share of its cost that a day of waiting loses; then by what a day loses; then,
        where no value is set, by the share of the metric to be had times the rows."""
        pays = self.pays_back
        rate = math.inf if pays == 0 else 1 / pays if pays else 0.0
        return (-rate, -(self.loss or 0.0), -(self.recovered or 0.0) * self.rows)


def worth(
    gain: Mapping[str, Any] | None, level: float | None, rows: float, value: float | None, cost: float | None
) -> Worth | None:
    """From an expected gain (as in RetrainRequest), the metric's level now, predictions a day, what one unit of the
    metric is worth for a thousand predictions, and the cost of one retrain. None where no gain is known."""
    if gain is None or not math.isfinite(gain["value"]):
        return None
    brings = max(float(gain["value"]), 0.0)
    loss = None if value is None else brings * value * rows / THOUSAND
    recovered = None if not level else brings / abs(level)
    return Worth(str(gain["metric"]), brings, str(gain.get("unit", "")), rows, loss, cost, recovered)
