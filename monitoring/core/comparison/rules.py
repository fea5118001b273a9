"""What a challenger is held to: margins and tolerances."""

from __future__ import annotations

from dataclasses import dataclass

SHARE, LOSS = 0.005, 0.01
"""The margin of a metric that is a share or a ranking, and of a loss: a part of the champion's value."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`margin`: by how much the metric may differ without mattering, in its unit; None: SHARE, or LOSS of its value.

    `slice_margins`: a slice is worse where it certainly loses more than this many margins. `slower`: the share by
    which the 99th percentile of latency may rise, where there is no objective. `gap`: how much further the mean score
    may lie from what happens (of a regression: the mean error, as a part of the champion's mean absolute error).
    `slope`: likewise of the slope's logarithm. `rows`: labelled rows below which nothing is said; `of_class`: likewise
    of each class, and of a slice `slice_rows`.
    """

    margin: float | None = None
    slice_margins: float = 2.0
    slower: float = 0.10
    gap: float = 0.01
    bias: float = 0.05
    slope: float = 0.10
    rows: int = 200
    of_class: int = 20
    slice_rows: int = 100

    def margin_of(self, relative: bool, champion: float) -> float:
        """The margin of a metric; `relative` for a loss."""
        if self.margin is not None:
            return self.margin
        return LOSS * abs(champion) if relative else SHARE
