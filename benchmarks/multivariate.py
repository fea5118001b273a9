"""Multivariate drift: false alarms without drift, power with it, beside NannyML.

    python benchmarks/multivariate.py                                  # ours alone
    python benchmarks/multivariate.py --nannyml ENV/bin/python         # with its PCA reconstruction, on the same rows
    python benchmarks/multivariate.py --nannyml … --slow               # and with its domain classifier: minutes a cell

NannyML lives in an environment of its own: `uv venv ENV && uv pip install --python ENV/bin/python nannyml==0.13.1
statsmodels` (it needs statsmodels and does not say so). Each repetition draws a reference of 30 windows, then, five
windows later, a quarter of 91 without drift and ten windows of each drift. 20 features, of which x0 and x1 go
together, and a score that follows from four of them. Data are independent rows, days that differ by .3 deviations, or
such days of which each takes .7 from the one before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

REFERENCE, LATER, QUARTER, DRIFTING, FEATURES = 30, 5, 91, 10, 20
DRIFTS = ("flip", "shift", "swap")
WORLDS = {"independent rows": None, "days differ": 0.0, "days depend": 0.7}
PUBLISHED = 20261126
"""The seed of the figures in docs/drift.md: whoever tunes a constant takes another (see drift_data)."""
SIZES = (200, 1_000)
"""Of larger windows ours look at 1,000 rows."""
NAMES = [f"x{i}" for i in range(FEATURES)]
SLOW = "nannyml domain_classifier"
SLOW_REPETITIONS, SLOW_WINDOWS = 1, 30
"""It takes seconds a window, so that fewer are judged."""


def window(random: np.random.Generator, n: int, moved: np.ndarray, drift: str) -> pd.DataFrame:
    """Rows of one window: of `drift` flip the correlation of x0 and x1 turns while no single column changes, of shift
    x5 moves by half a deviation, of swap another model answers."""
    z = random.normal(size=(n, FEATURES))
    z[:, 1] = (-0.8 if drift == "flip" else 0.8) * z[:, 0] + 0.6 * z[:, 1]
    z[:, 5] += 0.5 if drift == "shift" else 0.0
    z += moved
    told = z[:, 0] + 0.7 * z[:, 2] + 0.5 * z[:, 3] * (z[:, 4] > 0)
    if drift == "swap":
        told = 0.8 * z[:, 0] + 0.9 * z[:, 2] + 0.5 * z[:, 6]
    frame = pd.DataFrame(z, columns=NAMES)
    return frame.assign(score=1 / (1 + np.exp(-told)))


def windows(seed: Sequence[int], n: int, along: float | None) -> dict[str, list[pd.DataFrame]]:
    """The reference, the quarter without drift ("none"), and windows of each drift."""
    random = np.random.default_rng(seed)
    count = REFERENCE + LATER + QUARTER + DRIFTING * len(DRIFTS)
    moved = random.normal(size=(count, FEATURES))
    for at in range(1, count):
        if along:
            moved[at] = along * moved[at - 1] + np.sqrt(1 - along**2) * moved[at]
    moved *= 0.0 if along is None else 0.3
    kinds = ["reference"] * REFERENCE + ["later"] * LATER + ["none"] * QUARTER
    kinds += [d for d in DRIFTS for _ in range(DRIFTING)]
    out: dict[str, list[pd.DataFrame]] = {}
    for kind, off in zip(kinds, moved, strict=True):
        out.setdefault(kind, []).append(window(random, n, off, kind))
    return out


@dataclass
class Seen:
    """What a method said of one repetition: by kind of window, its statistic and whether it warned."""

    statistic: dict[str, list[float]] = field(default_factory=dict)
    warned: dict[str, list[bool]] = field(default_factory=dict)
    evident: dict[str, list[bool]] = field(default_factory=dict)


def ours(found: dict[str, list[pd.DataFrame]], n: int) -> Iterator[tuple[str, Seen]]:
    """Each method alone, with a budget of one false alarm a quarter, as monitoring/multivariate does it."""
    from monitoring.core.multivariate.chance import Reference, chance, drawn, rate
    from monitoring.core.multivariate.encoding import Encoder, Rows
    from monitoring.core.verdict import Status, Verdict, Window
    from monitoring.multivariate.reference import AGAINST, KEPT, SEED, SIZES
    from monitoring.rowtests.registry import all_rowtests
    from monitoring.verdicts.multivariate import Measured, held, levels

    rows = pd.concat(found["reference"], ignore_index=True)
    slot = np.repeat(np.arange(REFERENCE), n)
    kept = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:KEPT])
    encoder = Encoder.fitted(rows.iloc[kept], NAMES, ["score"])
    size = max(s for s in SIZES if s <= n)
    code = {
        kind: [encoder.encode(f.sample(min(n, SIZES[-1]), random_state=0)) for f in fs] for kind, fs in found.items()
    }
    reference = Reference(encoder.encode(rows.iloc[kept]), slot[kept], 1, dict(enumerate(code["reference"])))
    for test in all_rowtests():

        def fit(part: Rows, test: Any = test) -> Any:
            return test.fit(part, encoder.owner, SEED).measure

        by_chance = chance(fit, reference, size, AGAINST, SEED)
        assert by_chance is not None
        against = levels(test, None, by_chance, rate(1, 24, 1)[0])
        measure = fit(drawn(reference.rows, AGAINST, np.random.default_rng(SEED)))
        blank = Verdict("m", "drift.multivariate", Window(None, None, n), Status.OK, "")
        seen = Seen()
        for kind in ("none", *DRIFTS):
            for one in code[kind]:
                value = measure(drawn(one, size, np.random.default_rng(SEED)))
                verdict = held(blank, test, None, Measured(value, size), against)
                seen.statistic.setdefault(kind, []).append(float(verdict.drift_score or 0.0))
                seen.warned.setdefault(kind, []).append(verdict.status != Status.OK)
                seen.evident.setdefault(kind, []).append(against.beyond(test, value))
        yield f"leeway {test.name}", seen


def theirs(python: str, found: dict[str, list[pd.DataFrame]], slow: bool) -> Iterator[tuple[str, Seen]]:
    """NannyML's two, with its default thresholds, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = []
        parts = []
        for kind in ("none", *DRIFTS):
            some = found[kind][: (SLOW_WINDOWS if kind == "none" else DRIFTING // 2)] if slow else found[kind]
            kinds += [kind] * len(some)
            parts += some
        pd.concat(found["reference"], ignore_index=True)[NAMES].to_parquet(f"{folder}/reference.parquet")
        pd.concat(parts, ignore_index=True)[NAMES].to_parquet(f"{folder}/analysis.parquet")
        method = SLOW if slow else "nannyml pca_reconstruction"
        said = Path(folder) / "said.json"
        subprocess.run(
            [python, __file__, "--judge", method, folder, str(len(parts[0]))],
            env=os.environ | {"NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1"},
            check=True, capture_output=True,
        )  # fmt: skip
        seen = Seen()
        for kind, value, alert in zip(kinds, *json.loads(said.read_text()), strict=True):
            seen.statistic.setdefault(kind, []).append(value)
            seen.warned.setdefault(kind, []).append(alert)
        yield method, seen


def judge(method: str, folder: str, size: int) -> None:
    """What runs in NannyML's environment."""
    import nannyml

    names = {SLOW: ("DomainClassifierCalculator", "domain_classifier_auroc")}
    name, column = names.get(method, ("DataReconstructionDriftCalculator", "reconstruction_error"))
    reference, analysis = (pd.read_parquet(f"{folder}/{part}.parquet") for part in ("reference", "analysis"))
    calculator = getattr(nannyml, name)(NAMES, chunk_size=size)
    calculator.fit(reference)
    found = calculator.calculate(analysis).filter(period="analysis").to_df()[column]
    values = [float(v) for v in found["value"]], [bool(a) for a in found["alert"]]
    (Path(folder) / "said.json").write_text(json.dumps(values))


def share(seen: list[Seen], kind: str) -> tuple[float, float]:
    """Share of windows of a drift that are found: with the method's own threshold, and with the one that its own
    quarter without drift goes beyond once."""
    own = np.mean([w for s in seen for w in s.warned[kind]])
    level = [np.sort(s.statistic["none"])[-2 if len(s.statistic["none"]) > 60 else -1] for s in seen]
    equal = np.mean([v > at for s, at in zip(seen, level, strict=True) for v in s.statistic[kind]])
    return float(own), float(equal)


def cells(said: list[Seen]) -> list[str]:
    """False alarms a quarter by evidence alone and by verdicts, quarters judged, and the share of each drift found."""
    judged = sum(len(s.warned["none"]) for s in said) / QUARTER
    evident = f"{sum(sum(s.evident['none']) for s in said) / judged:.2f}" if said[0].evident else "–"
    warned = f"{sum(sum(s.warned['none']) for s in said) / judged:.2f}"
    return [evident, warned, f"{judged:.1f}", *(f"{v:.0%}" for d in DRIFTS for v in share(said, d))]


def main() -> None:
    """Print the table as Markdown, a cell's rows as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nannyml", help="the Python of an environment that has it")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--only", default="", help="cells whose name holds this, such as: days differ 1,000")
    parser.add_argument("--seed", type=int, default=PUBLISHED)
    parser.add_argument("--judge", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judge:
        judge(options.judge[0], options.judge[1], int(options.judge[2]))
        return
    from threadpoolctl import threadpool_limits

    seconds: dict[str, float] = {}
    cells_judged = 0
    heads = ["data", "rows", "method", "a quarter, evidence alone", "a quarter, verdicts", "quarters"]
    heads += [f"{d}{how}" for d in DRIFTS for how in ("", ", equal false alarms")]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    with threadpool_limits(1):
        for world, along in WORLDS.items():
            for n in SIZES:
                if options.only not in f"{world} {n:,}":
                    continue
                every: dict[str, list[Seen]] = {}
                for number in range(options.repetitions):
                    found = windows((options.seed, n, number), n, along)
                    began = time.process_time()
                    for method, seen in ours(found, n):
                        every.setdefault(method, []).append(seen)
                        seconds[method] = seconds.get(method, 0.0) + time.process_time() - began
                        began = time.process_time()
                    for slow in (False, True) if options.slow and number < SLOW_REPETITIONS else (False,):
                        for method, seen in theirs(options.nannyml, found, slow) if options.nannyml else ():
                            every.setdefault(method, []).append(seen)
                cells_judged += 1
                for method, said in every.items():
                    print(f"| {world} | {n:,} | {method} | {' | '.join(cells(said))} |", flush=True)
    judged = options.repetitions * cells_judged * (REFERENCE + QUARTER + DRIFTING * len(DRIFTS))
    print("\nCPU milliseconds a window: " + ", ".join(f"{m} {1e3 * s / judged:.0f}" for m, s in seconds.items()))


if __name__ == "__main__":
    main()
