"""An objective's alerts as Prometheus rules, for those who page from there.

They fire at the minutes at which Leeway's own do (tests/core/test_prometheus.py holds both to one another with
promtool): differences of counters instead of `increase`, which extrapolates, the same guard of few events, the same
waits; what is between its levels, or of which nothing is known, goes on firing. Only flapping is not held open, and a
budget is only known to be spent once Prometheus knows a whole period. The counters are those of /metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from monitoring.core.alerting import reading
from monitoring.core.alerting.rules import NONE, RULES, Rule
from monitoring.core.alerting.signal import Subject
from monitoring.core.alerting.waits import Waits, stated
from monitoring.core.slo.burn import FEWEST_LONG, FEWEST_SHORT, effective_factor
from monitoring.core.slo.windows import Pair, Period, span

VALID, BAD = "leeway_slo_valid_total", "leeway_slo_bad_total"
AGE = "leeway_newest_prediction_age_seconds"
EVERY = "1m"
"""How often the rules are evaluated."""
OWN = "alertname, alertstate, severity, rule, owner, windows"
"""Labels of an alert that its series has not."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What the rules of one objective need to know. `slo` names it among the model's; `check` is its
    verdicts', `most` the seconds of age that freshness allows, `waits` those stated of the model."""

    model: str
    owner: str
    slo: str
    words: str
    share: float
    period: Period
    runbook: str = ""
    check: str = "slo.latency"
    most: float = 0.0
    waits: tuple[Waits, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether it is of freshness, of which no event is counted."""
        return self.check == "slo.freshness"


def rules(objectives: Sequence[Objective]) -> dict[str, Any]:
    """A rule file: a group an objective, with its budget left as a recording rule, and its alerts."""
    return {"groups": [_group(one) for one in objectives]}


def _group(one: Objective) -> dict[str, Any]:
    return {
        "name": f"leeway-{one.model}-{one.slo}",
        "interval": EVERY,
        "rules": [*([] if one.timed else _records(one)), *_alerts(one)],
    }


def _records(one: Objective) -> Iterable[dict[str, Any]]:
    """What alerts look at, counted once: the events of each window, its burn rate, and the budget left."""
    windows = {minutes for pair in one.period.pairs for minutes in (pair.long, pair.short)}
    for minutes in sorted({*windows, one.period.minutes}):
        for counter, record in ((VALID, "valid"), (BAD, "bad")):
            chosen = f"{counter}{_of(one)}"
            yield {
                "record": f"leeway:slo_{record}:increase{span(minutes)}",
                "expr": f"{chosen} - {chosen} offset {minutes}m",
            }
        burn = f"{_seen(one, 'bad', minutes)} / {_seen(one, 'valid', minutes)} / {1 - one.share!r}"
        yield {"record": f"leeway:slo_burn:ratio{span(minutes)}", "expr": burn}
    yield {
        "record": "leeway:slo_error_budget_remaining:ratio",
        "expr": f"1 - {_burn(one, one.period.minutes)}",
        "labels": {"period": one.period.name},
    }


def _alerts(one: Objective) -> Iterable[dict[str, Any]]:
    """An alert a rule, as the dashboard has it: whichever window pair it is that burns."""
    for rule in (r for r in RULES if fnmatchcase(one.check, r.check)):
        if rule.read in (reading.fast_burn, reading.slow_burn) and not one.timed:
            severity = "page" if rule.read == reading.fast_burn else "ticket"
            yield _of_burn(one, rule, [pair for pair in one.period.pairs if pair.severity == severity])
        elif rule.read == reading.status and not one.timed:
            left = _burn(one, one.period.minutes)
            words = f"{one.model} has spent its error budget: {one.words}"
            yield _alert(one, rule, "LeewayErrorBudgetSpent", f"{left} > 1", f"{left} <= 1", words, {})
        elif rule.read == reading.level and one.timed:
            age = f"max without (owner) ({AGE}{{model={_text(one.model)}}})"
            over, under = f"{age} > {one.most!r}", f"{age} <= {one.most * (1 - reading.MARGIN)!r}"
            words = f"The newest prediction of {one.model} is too old: {one.words}"
            yield _alert(one, rule, "LeewayPredictionsStale", over, under, words, {"slo": one.slo})


def _of_burn(one: Objective, rule: Rule, pairs: Sequence[Pair]) -> dict[str, Any]:
    fires = [_fires(one, pair) for pair in pairs]
    clear = [_clear(one, pair, burning) for pair, burning in zip(pairs, fires, strict=True)]
    factors = " or ".join(f"{effective_factor(pair, one.share):.2f} ({pair.name})" for pair in pairs)
    words = f"{one.model} burns its error budget more than {factors} times too fast: {one.words}"
    windows = {"windows": " or ".join(pair.name for pair in pairs)}
    expr, over = "\nor ".join(f"({each})" for each in fires), "\nand ".join(f"({each})" for each in clear)
    return _alert(one, rule, "LeewayErrorBudgetBurn", expr, over, words, windows)


def _alert(
    one: Objective, rule: Rule, name: str, fires: str, clear: str, words: str, labels: dict[str, str]
) -> dict[str, Any]:
    """An alert that begins where `fires` holds, and goes on until `clear` does."""
    wait, keep = stated(Subject(one.model, one.check, one.slo, method=rule.name), one.waits)
    own = {"severity": str(rule.severity), "rule": rule.name, "owner": _plain(one.owner), **labels}
    chosen = {"alertname": name, "alertstate": "firing", "rule": rule.name, "model": one.model, "slo": one.slo}
    firing = ", ".join(f"{label}={_text(value)}" for label, value in chosen.items())
    without = OWN if "slo" not in labels else f"{OWN}, slo"
    annotations = {"summary": _plain(words)}
    if one.runbook:
        annotations["runbook_url"] = _plain(one.runbook)
    spans = {
        "for": rule.wait if wait is None else wait,
        "keep_firing_for": rule.keep if keep is None else keep,
    }
    return {
        "alert": name,
        "expr": f"{fires}\nor\nmax without ({without}) (ALERTS{{{firing}}})\nunless ({clear})",
        **{field: _seconds(length) for field, length in spans.items() if length > NONE},
        "labels": own,
        "annotations": annotations,
    }


def _fires(one: Objective, pair: Pair) -> str:
    factor = effective_factor(pair, one.share)
    fires = [f"{_burn(one, minutes)} >= {factor!r}" for minutes in (pair.long, pair.short)]
    enough = [
        f"{_seen(one, 'bad', minutes)} >= {fewest}"
        for minutes, fewest in ((pair.long, FEWEST_LONG), (pair.short, FEWEST_SHORT))
    ]
    return "\nand ".join([*fires, *enough])


def _clear(one: Objective, pair: Pair, fires: str) -> str:
    """Where a pair neither burns nor nearly does: below a margin in its long window, or quiet in its short one, in
    which there must have been something to hear."""
    factor, long = effective_factor(pair, one.share), _burn(one, pair.long)
    heard, low = f"{_seen(one, 'valid', pair.short)} > 0", (1 - reading.BURN_MARGIN) * factor
    return f"{long} < {low!r}\nor ({long} >= {factor!r}\nand {heard}\nunless ({fires}))"


def _seconds(length: timedelta) -> str:
    """As Prometheus writes it."""
    return f"{length.total_seconds():.0f}s"


def _burn(one: Objective, minutes: int) -> str:
    return f"leeway:slo_burn:ratio{span(minutes)}{_of(one)}"


def _seen(one: Objective, what: str, minutes: int) -> str:
    return f"leeway:slo_{what}:increase{span(minutes)}{_of(one)}"


def _of(one: Objective) -> str:
    return f"{{model={_text(one.model)}, slo={_text(one.slo)}}}"


def _plain(text: str) -> str:
    """Text in which Prometheus sees no template."""
    return text.replace("{{", '{{ "{{" }}')


def _text(value: str) -> str:
    """A label's value in PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
