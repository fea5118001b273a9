"""Service level objectives in the fleet file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from monitoring.core.window import hours_in
from monitoring.fleet.strict import Strict

Sli = Literal["latency", "availability", "freshness", "quality"]


class Slo(Strict):
    """A service level objective over a rolling period."""

    sli: Sli
    objective: float = Field(gt=0, lt=1)
    period: Literal["7d", "28d", "30d"] = "30d"
    threshold_ms: float | None = Field(default=None, gt=0)
    max_age: str | None = None
    tolerance: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> Slo:
        if self.sli == "latency" and self.threshold_ms is None:
            raise ValueError("a latency objective needs `threshold_ms`")
        if self.sli == "freshness" and self.max_age is None:
            raise ValueError("a freshness objective needs `max_age`, such as 4h")
        if self.max_age is not None and self.max_age_hours <= 0:
            raise ValueError("`max_age` must be longer than nothing, such as 4h")
        return self

    @property
    def slug(self) -> str:
        """What it is called among its model's objectives, whichever others there are. Its verdicts have it as column,
        Prometheus and OpenSLO as name."""
        limit = f"-{self.threshold_ms:g}ms" if self.threshold_ms is not None else ""
        limit += f"-within-{self.tolerance:g}" if self.tolerance is not None else ""
        limit += f"-{self.max_age}" if self.max_age is not None else ""
        return f"{self.sli}{limit}-{self.objective * 100:g}-{self.period}".replace(".", "_")

    @property
    def limit(self) -> str:
        """What it promises, in few words: such as within 20 ms, 99 % over 30d."""
        within = {
            "latency": f"within {self.threshold_ms or 0:g} ms, ",
            "quality": "" if self.tolerance is None else f"within ±{self.tolerance:g}, ",
            "freshness": f"at most {self.max_age} old, ",
        }.get(self.sli, "")
        return f"{within}{self.objective * 100:.6g} % over {self.period}"

    @property
    def max_age_hours(self) -> float:
        """The most that the newest prediction's age may be; 0 where that is no part of the objective."""
        return 0.0 if self.max_age is None else hours_in(self.max_age)
