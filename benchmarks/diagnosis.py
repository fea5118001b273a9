"""How right the diagnosis is: python benchmarks/diagnosis.py [months] [slices].

months: every month of the two flight models, against the same recipe refitted on the two months before, which was
measured apart (data/logs/truth.json). slices: how often a slice is reported where nothing changed, and where one did.
Prints Markdown, as it stands in docs/diagnosis.md.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from monitoring import fleet  # noqa: E402
from monitoring.core.diagnosis.cells import cut  # noqa: E402
from monitoring.core.diagnosis.interval import blocks  # noqa: E402
from monitoring.core.diagnosis.slices import Side, worst  # noqa: E402
from monitoring.core.diagnosis.words import signed  # noqa: E402
from monitoring.core.window import Slots, slot_of  # noqa: E402
from monitoring.diagnosis.examine import Case, examine  # noqa: E402
from monitoring.diagnosis.rows import opened  # noqa: E402

MODELS = {"air-time-eta": "mae", "arrival-delay-risk": "roc_auc"}
RUNS, DAYS, PER_DAY = 300, 30, 200


def months() -> None:
    """A row a model and month. `refitted` is the change of the metric by refitting with the champion's own recipe."""
    truth = json.loads((ROOT / "data" / "logs" / "truth.json").read_text())
    models = {m["key"]: fleet.parse_model(m, "data/fleet.yaml") for m in fleet.load(ROOT / "data" / "fleet.yaml")}
    print("| model | month | reference | champion | inputs' shift | left | refitted | diagnosis | advice | s |")
    print("|---|---|---:|---:|---|---|---:|---|---|---:|")
    for key, metric in MODELS.items():
        for month in range(4, 13):
            start = datetime(2013, month, 1, tzinfo=UTC)
            end = datetime(2013 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            began = time.process_time()
            case = Case(f"performance.{metric}", Slots(slot_of(start), slot_of(end)))
            with opened(models[key], ROOT / "data", metric, None) as logs:
                found = examine(logs, case, lambda share, words: None)
            seconds = time.process_time() - began
            known = truth[key]["months"][f"{start:%Y-%m}"]
            change, split = found.retraining.change, found.split
            assert change is not None and split is not None and found.then is not None and found.level is not None
            told = [signed(found.about, figure) for figure in (split.shift, split.concept, change)]
            cells = [
                f"`{key}`", f"{start:%b}", f"{found.then:.3g}", f"{found.level:.3g}", told[0], told[1],
                f"{known['refitted'] - known['champion']:+.3g}", told[2], str(found.advice), f"{seconds:.0f}",
            ]  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)


def slices() -> None:
    """Reported slices in a simulation: days differ in loss and in weather, and nothing else changed."""
    print("| what changed | runs with a slice reported | the slice itself first |")
    print("|---|---:|---:|")
    stories = {
        "nothing": (0.0, 0.0),
        "all rows lose 30 % more": (0.3, 0.0),
        "the inputs' mix, not their losses": (0.0, 0.0),
        "one slice (10 % of the rows) loses 30 % more": (0.0, 0.3),
        "one slice (10 % of the rows) loses 60 % more": (0.0, 0.6),
    }
    for number, (story, (everywhere, within)) in enumerate(stories.items()):
        random = np.random.default_rng(number)
        some = first = 0
        for _ in range(RUNS):
            then = simulated(random, 0.0, 0.0, False)
            now = simulated(random, everywhere, within, "mix" in story)
            cuts = [cut(name, then[name], now[name]) for name in then.columns.drop(["loss", "day"])]
            sides = [Side(f["loss"].to_numpy(), blocks(f["day"].to_numpy() * 24, True)) for f in (then, now)]
            found = worst(cuts, *sides)
            some += bool(found)
            first += bool(found) and found[0].name == "carrier = WN"
        print(f"| {story} | {some / RUNS:.1%} | {first / RUNS:.1%} |", flush=True)


def simulated(random: np.random.Generator, everywhere: float, within: float, mixed: bool) -> pd.DataFrame:
    """Rows of some days: two features a day has one value of (weather), four of each row."""
    n = DAYS * PER_DAY
    day = np.repeat(np.arange(DAYS), PER_DAY)
    weather = random.normal(0, 1, (DAYS, 2)) + (1.0 if mixed else 0.0)
    carrier = random.choice(["UA", "B6", "EV", "DL", "WN"], n, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    frame = pd.DataFrame(
        {
            "day": day,
            "temp": weather[day, 0] + random.normal(0, 0.2, n),
            "wind": weather[day, 1] + random.normal(0, 0.2, n),
            "distance": random.gamma(4, 200, n),
            "hour": random.integers(0, 24, n),
            "carrier": carrier,
            "origin": random.choice(["EWR", "JFK", "LGA"], n),
        }
    )
    level = (1 + frame["distance"] / 2000) * np.exp(random.normal(0, 0.15, DAYS))[day] * (1 + everywhere)
    level *= np.where(carrier == "WN", 1 + within, 1.0)
    return frame.assign(loss=random.gamma(2, level / 2))


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["months", "slices"]
    if "months" in chosen:
        months()
    if "slices" in chosen:
        slices()
