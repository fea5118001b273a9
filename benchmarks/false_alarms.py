"""False alarms without any drift, ours and the peers': python benchmarks/false_alarms.py [--runs N] [--nannyml PYTHON].

Whole logs of 91 days after a reference of 30, in which nothing drifts, though days differ and weeks have their pattern.
Counted are days (or hours) with an alarm, a quarter, where the budget is one: of our `drift` verdict, of our evidence
alone (whatever the effect), of Evidently's default tests (some column; its rule for datasets: half of them) and of
NannyML's defaults (some column). NannyML lives in an environment of its own:
python -m venv /tmp/nannyml && /tmp/nannyml/bin/pip install nannyml==0.13.1 statsmodels
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import drift_data  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from drift_data import COUNTS, HEAVY, RARE, Log, World  # noqa: E402

WORLDS = (
    World("independent rows, 500 a day"),
    World("100 a day", rows=100),
    World("5,000 a day", rows=5_000),
    World("days differ, dependence 0", effects=0.15),
    World("days differ, dependence .3", effects=0.15, rho=0.3),
    World("days differ, dependence .6", effects=0.15, rho=0.6),
    World("days differ, dependence .8", effects=0.15, rho=0.8),
    World("weekly pattern", weekly=0.5),
    World("heavy tails", draws=HEAVY),
    World("counts", draws=COUNTS),
    World("rare values", draws=RARE),
    World("1 % missing", missing=0.01),
    World("by the hour, daily and weekly pattern", rows=100, daily=0.5, weekly=0.3, effects=0.1, rho=0.3, hourly=True),
)
SEED, PEER_RUNS = 7, 4
THEIRS = """
import sys, pandas, nannyml
frame = pandas.read_parquet(sys.argv[1]); cut, period = pandas.Timestamp(sys.argv[2]), sys.argv[3]
columns = [c for c in frame.columns if c not in ("ts", "score")]
calculator = nannyml.UnivariateDriftCalculator(columns, timestamp_column_name="ts", chunk_period=period)
frame["ts"] = frame["ts"].dt.tz_localize(None)
calculator.fit(frame[frame.ts < cut])
found = calculator.calculate(frame[frame.ts >= cut]).filter(period="analysis").to_df()
print(int(found.loc[:, found.columns.get_level_values(2) == "alert"].any(axis=1).sum()))
"""


def ours(log: Log) -> tuple[int, int]:
    """Windows with a `drift` alarm, and windows with evidence enough for one, whatever the effect."""
    from monitoring.verdicts import drift

    found = list(drift.judge(drift_data.subject_of(log)))
    alarms = sum(v.status in drift.DRIFTED for v in found if v.check == "drift")
    sure = {v.window.start for v in found if v.p_value is not None and v.drift_score >= v.null_quantile}
    return alarms, len(sure)


def evidently(log: Log) -> tuple[int, int]:
    """Windows in which some column drifted by Evidently's default tests, and in which half of them did."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    some = half = 0
    chunks = len(next(iter(log.columns.values())))
    kinds = {name: "cat" if name.startswith("c") else "num" for name in log.columns}
    before = {name: log.series(name, slice(0, log.reference)).dropna() for name in log.columns}
    for at in range(log.reference, chunks):
        drifted = []
        for name, kind in kinds.items():
            now = log.series(name, slice(at, at + 1)).dropna()
            test = get_stattest(before[name], now, kind, None)
            drifted.append(test(before[name], now, ColumnType(kind), test.default_threshold).drifted)
        some += any(drifted)
        half += np.mean(drifted) >= 0.5
    return some, half


def run(task: tuple[World, int, bool, str]) -> list[float]:
    """One log: ours twice, Evidently's twice, NannyML's; NaN for what was not asked."""
    world, seed, peers, nannyml = task
    log = world.draw(np.random.default_rng((SEED, seed)))
    found: list[float] = [*ours(log), np.nan, np.nan, np.nan]
    if peers:
        found[2:4] = evidently(log)
    if peers and nannyml:
        with tempfile.TemporaryDirectory() as folder:
            log.write(Path(folder))
            cut = pd.Timestamp(drift_data.moment_of(drift_data.MONDAY)) + pd.Timedelta(days=world.reference_days)
            arguments = [f"{folder}/log.parquet", str(cut.tz_localize(None)), "h" if world.hourly else "D"]
            done = subprocess.run(
                [nannyml, "-W", "ignore", "-c", THEIRS, *arguments],
                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env={**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"},
            )  # fmt: skip
            found[4] = float(done.stdout.split()[-1])
    return found


def main() -> None:
    """Print a row a world, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--nannyml", default="", help="the Python of an environment with NannyML")
    parser.add_argument("--only", default="", help="worlds whose name holds this")
    options = parser.parse_args()
    print(
        "| log without drift | ours, alarms | ours, evidence | Evidently, a column | half of them | NannyML, a column |"
    )
    print("|---|---|---|---|---|---|")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for world in WORLDS:
            if options.only not in world.name:
                continue
            tasks = [(world, n, n < PEER_RUNS and not world.hourly, options.nannyml) for n in range(options.runs)]
            found = np.asarray(list(pool.map(run, tasks)))
            kept = ~np.isnan(found)
            mean = [found[kept[:, k], k].mean() if kept[:, k].any() else np.nan for k in range(5)]
            error = 1.96 * found[:, :2].std(axis=0, ddof=1) / len(found) ** 0.5
            cells = [f"{mean[0]:.2f} ± {error[0]:.2f}", f"{mean[1]:.2f} ± {error[1]:.2f}"]
            cells += ["–" if np.isnan(m) else f"{m:.0f}" for m in mean[2:]]
            print(f"| {world.name} | {' | '.join(cells)} |", flush=True)
            print(json.dumps({"world": world.name, "runs": len(found), "mean": mean}), file=sys.stderr)


if __name__ == "__main__":
    main()
