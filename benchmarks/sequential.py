"""How often the sequential test declares something false, and how soon something true: python benchmarks/sequential.py.

Beside it, what people do instead: a paired test at 5 %, looked at after every day. Then, with the shipped logs, how
much more the mean gains of days vary than those of independent rows would. Prints Markdown, as in docs/comparison.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from monitoring import fleet  # noqa: E402
from monitoring.comparing.asked import Asked, Side  # noqa: E402
from monitoring.comparing.compare import compare  # noqa: E402
from monitoring.comparing.reading import LIMIT, read  # noqa: E402
from monitoring.core.comparison.betting import played  # noqa: E402
from monitoring.core.comparison.comparison import Comparison  # noqa: E402
from monitoring.core.comparison.differences import BURN_IN, DAY, differences  # noqa: E402
from monitoring.core.comparison.rows import Answers, Sides  # noqa: E402

RUNS, DAYS, PER_DAY = 1000, 90, 150
LEAST = 7
"""Days before which the other tests are not looked at."""


@dataclass(frozen=True)
class World:
    """Two versions that answer the same rows; `gains` are by how much the challenger may be better."""

    name: str
    draw: Callable[[np.random.Generator, float], Sides]
    metric: str
    gains: tuple[float, float]


def rows(truth: np.ndarray, score: np.ndarray | None, predicted: np.ndarray) -> Answers:
    at = (np.arange(len(truth)) + 0.5) * DAY / PER_DAY
    return Answers(truth, predicted, score, np.full(len(truth), np.nan), {}, (at // DAY).astype(np.int64), at, at)


def favoured(random: np.random.Generator, spread: float, sticky: float = 0.0) -> np.ndarray:
    """A day's favour, row by row: above 0 for the challenger. `sticky`: its correlation with the day before."""
    days = random.normal(0, spread, DAYS)
    for number in range(1, DAYS):
        days[number] = sticky * days[number - 1] + np.sqrt(1 - sticky**2) * days[number]
    return np.repeat(days, PER_DAY)


def scores(random: np.random.Generator, gain: float, favour: np.ndarray | float = 0.0) -> Sides:
    """A probability seen through noise; the challenger sees it through less where it gains."""
    n = DAYS * PER_DAY
    odds = random.normal(-1, 1.2, n)
    truth = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    sides = []
    for noise in (0.7 * np.exp(favour), 0.7 * (1 - gain) * np.exp(-np.asarray(favour))):
        score = 1 / (1 + np.exp(-(odds + noise * random.normal(0, 1, n))))
        sides.append(rows(truth, score, (score > 0.5).astype(float)))
    return Sides("binary_classification", sides[0], sides[1], True)


def minutes(random: np.random.Generator, gain: float, favour: np.ndarray | float = 0.0) -> Sides:
    """Errors of heavy tails (Student's t with 3 degrees), in minutes."""
    n = DAYS * PER_DAY
    truth = random.gamma(4, 10, n)
    sizes = 5 * np.exp(favour), 5 * (1 - gain) * np.exp(-np.asarray(favour))
    first, second = (truth + size * random.standard_t(3, n) for size in sizes)
    return Sides("regression", rows(truth, None, first), rows(truth, None, second), True)


WORLDS = (
    World("Brier score, independent rows", scores, "brier", (0.15, 0.4)),
    World("Brier score, days differ", lambda r, g: scores(r, g, favoured(r, 0.3)), "brier", (0.2, 0.5)),
    World("ROC AUC, days differ", lambda r, g: scores(r, g, favoured(r, 0.3)), "roc_auc", (0.2, 0.5)),
    World("MAE, heavy tails, independent rows", minutes, "mae", (0.05, 0.15)),
    World("MAE, heavy tails, days differ", lambda r, g: minutes(r, g, favoured(r, 0.1)), "mae", (0.05, 0.15)),
    World("MAE, days differ and resemble the day before (.5)",
          lambda r, g: minutes(r, g, favoured(r, 0.1, 0.5)), "mae", (0.05, 0.15)),
    World("MAE, days differ and resemble the day before (.8)",
          lambda r, g: minutes(r, g, favoured(r, 0.1, 0.8)), "mae", (0.05, 0.15)),
)  # fmt: skip


def by_row(sides: Sides, metric: str) -> np.ndarray:
    """Gains row by row in their order, for tests that take rows for independent; none of the AUC."""
    a, b = sides.champion, sides.challenger
    if metric == "roc_auc":
        return np.zeros(0)
    if metric == "mae":
        return np.abs(a.predicted - a.truth) - np.abs(b.predicted - b.truth)
    assert a.score is not None and b.score is not None
    return (a.score - a.truth) ** 2 - (b.score - b.truth) ** 2


def peeked(gains: np.ndarray, step: int) -> np.ndarray:
    """Whether a t-test at 5 % finds something, looked at after every `step` gains."""
    n = np.arange(1, len(gains) + 1)
    mean = np.cumsum(gains) / n
    spread = np.sqrt(np.maximum(np.cumsum(gains**2) - n * mean**2, 1e-300) / np.maximum(n - 1, 1) / n)
    return np.asarray((np.abs(mean) > stdtrit(np.maximum(n - 1, 1), 0.975) * spread)[step - 1 :: step])


def false_declarations() -> None:
    print(f"| equal versions, {RUNS:,} runs of {DAYS} days | sequential | rows, looked at every day | "
          "days, looked at every day | days, once at the end | bets on rows |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|")
    for number, world in enumerate(WORLDS):
        random = np.random.default_rng(number)
        counts = np.zeros(5)
        for _ in range(RUNS):
            sides = world.draw(random, 0.0)
            found = differences(sides, world.metric, closed=DAYS * DAY)
            daily, each = peeked(found.gains, 1), by_row(sides, world.metric)
            rowwise = peeked(each, PER_DAY)[LEAST:] if len(each) else np.zeros(1, bool)
            bets = any(played(each / (np.abs(each).max() or 1)).crossed()) if len(each) else False
            counts += [
                any(played(found.gains).crossed()),
                rowwise.any(),
                daily[LEAST - BURN_IN :].any(),
                daily[-1],
                bets,
            ]
        told = [f"{c / RUNS:.1%}" for c in counts]
        if world.metric == "roc_auc":
            told[1] = told[4] = "–"
        print(f"| {world.name} | {' | '.join(told)} |", flush=True)


def delays() -> None:
    print(f"| better challenger, {RUNS // 2:,} runs | gain of a day, in deviations of days | declared better after, "
          f"days (median, 90 %) | within {DAYS} days | declared worse | fixed days for 90 % power |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|")
    for number, world in enumerate(WORLDS):
        for gain in world.gains:
            random = np.random.default_rng(100 + number)
            found, worse, effects = [], 0, []
            for _ in range(RUNS // 2):
                one = differences(world.draw(random, gain), world.metric, closed=DAYS * DAY)
                up, down = played(one.gains).crossed()
                found.append(float(up + BURN_IN) if up else np.inf)
                worse += down > 0
                effects.append(one.gains.mean() / one.gains.std())
            effect = float(np.median(effects))
            fixed = ((1.96 + 1.2816) / effect) ** 2
            middle, most = (np.quantile(found, q, method="inverted_cdf") for q in (0.5, 0.9))
            told = [f"{x:.0f}" if np.isfinite(x) else f"> {DAYS}" for x in (middle, most)]
            print(
                f"| {world.name} | {effect:.2f} | {told[0]} ({told[1]}) | {np.isfinite(found).mean():.0%} | "
                f"{worse / (RUNS // 2):.1%} | {fixed:.0f} |",
                flush=True,
            )


def shipped() -> None:
    """The compressed variants of the demo fleet, each against the network they were made from. The last column: how
    much the mean gain of a day (Brier score) varies beyond what independent rows would give."""
    document = next(m for m in fleet.load(ROOT / "data" / "fleet.yaml") if m["key"] == "arrival-delay-risk-compressed")
    model = fleet.parse_model(document, "data/fleet.yaml")
    since, as_of = datetime(2013, 4, 1, tzinfo=UTC), datetime(2014, 1, 3, tzinfo=UTC)
    print("| variant | ROC AUC | verdict | sequential | failed gates | days vary, times independent rows |")
    print("|---|---|---|---|---|---:|")
    for version in ("int8", "pruned", "low-rank", "distilled"):
        pair = Side("float32"), Side(version)
        found = compare(model, ROOT / "data", *pair, since=since, as_of=as_of)
        sides = read(model, ROOT / "data", pair, Asked(since, None, as_of), None).drawn(LIMIT)
        print(f"| {version} | {told(found)} | {overdispersed(sides):.1f} |", flush=True)


def overdispersed(sides: Sides) -> float:
    gains, day = by_row(sides, "brier"), sides.champion.codes
    n = np.bincount(day)
    mean = np.bincount(day, gains) / n
    within = (np.bincount(day, gains**2) / n - mean**2) / np.maximum(n - 1, 1)
    return float(mean[n > 1].var(ddof=1) / within[n > 1].mean())


def told(found: Comparison) -> str:
    test, change = found.sequential, found.main.change
    assert change is not None
    said = f"{test.declared} after {test.declared_days} days" if test.declared else "nothing"
    auc = f"{change.value:+.4f} ({change.lower:+.4f} to {change.upper:+.4f})"
    return f"{auc} | {found.verdict} | {said} | {', '.join(g.name for g in found.failed) or 'none'}"


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["false", "delays", "shipped"]
    for name, part in (("false", false_declarations), ("delays", delays), ("shipped", shipped)):
        if name in chosen:
            part()
            print()
