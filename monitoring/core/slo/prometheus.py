"""An objective's burn-rate alerts as Prometheus rules, for those who page from there.

They fire at the minutes at which Leeway's own do: differences of counters instead of `increase`, which extrapolates,
and the same guard of few events (tests/core/test_prometheus.py holds both to one another with promtool). The counters
are those of /metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.core.slo.burn import FEWEST_LONG, FEWEST_SHORT, effective_factor
from monitoring.core.slo.windows import Pair, Period

VALID, BAD = "leeway_slo_valid_total", "leeway_slo_bad_total"
AGE = "leeway_newest_prediction_age_seconds"
EVERY = "1m"
"""How often the rules are evaluated."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What the rules of one objective need to know. `slo` names it among the model's."""

    model: str
    owner: str
    slo: str
    words: str
    share: float
    period: Period
    runbook: str = ""


def rules(objectives: Sequence[Objective]) -> dict[str, Any]:
    """A rule file: a group an objective, with its budget left as a recording rule and an alert a window pair."""
    return {"groups": [_group(one) for one in objectives]}


def _group(one: Objective) -> dict[str, Any]:
    record = {
        "record": "leeway:slo_error_budget_remaining:ratio",
        "expr": f"1 - ({_burn(one, one.period.minutes)})",
        "labels": {"period": one.period.name},
    }
    return {
        "name": f"leeway-{one.model}-{one.slo}",
        "interval": EVERY,
        "rules": [record, *(_alert(one, pair) for pair in one.period.pairs)],
    }


def _alert(one: Objective, pair: Pair) -> dict[str, Any]:
    factor = effective_factor(pair, one.share)
    fires = [f"({_burn(one, minutes)}) >= {factor!r}" for minutes in (pair.long, pair.short)]
    enough = [
        f"({_increase(one, BAD, minutes)}) >= {fewest}"
        for minutes, fewest in ((pair.long, FEWEST_LONG), (pair.short, FEWEST_SHORT))
    ]
    annotations = {
        "summary": _plain(f"{one.model} burns its error budget {factor:.2f} times too fast ({pair.name}): {one.words}")
    }
    if one.runbook:
        annotations["runbook_url"] = _plain(one.runbook)
    return {
        "alert": "LeewayErrorBudgetBurn",
        "expr": "\nand ".join([*fires, *enough]),
        "labels": {"severity": pair.severity, "windows": pair.name, "owner": _plain(one.owner)},
        "annotations": annotations,
    }


def _burn(one: Objective, minutes: int) -> str:
    return f"({_increase(one, BAD, minutes)}) / ({_increase(one, VALID, minutes)}) / {1 - one.share!r}"


def _increase(one: Objective, counter: str, minutes: int) -> str:
    chosen = f"{counter}{{model={_text(one.model)}, slo={_text(one.slo)}}}"
    return f"{chosen} - {chosen} offset {minutes}m"


def _plain(text: str) -> str:
    """Text in which Prometheus sees no template."""
    return text.replace("{{", '{{ "{{" }}')


def _text(value: str) -> str:
    """A label's value in PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
