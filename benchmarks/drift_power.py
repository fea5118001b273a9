"""Power at equal false-alarm rate: python benchmarks/drift_power.py [--references N] [--nannyml PYTHON].

A column is drawn without drift and with several kinds of it, in windows beside a reference. Every method's statistic
(ours: the evidence; the peers': their default test) is held to its own quantile over windows without drift, so that
each raises one false alarm in a hundred windows, and the share of drifted windows beyond it is its power. Drift is as
large as some method needs to be right about four times in five. The log has six columns more, without drift; the last
column is of a log that has none. Both are ours less the best peer's, with two standard errors of it, by the
bootstrap over references.

The peers' level is told: the quantile is of windows that nobody has who looks at a reference. So the last two columns
are the peers' power where they learn it as ours does, from the reference's own windows: their statistic less its mean
there, over its deviation there, held to the same rate. With `--keep FOLDER` the peers' scores are kept there, by their
versions: they take a hundred times as long as ours, and do not change when ours are bettered.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import drift_peers  # noqa: E402
import numpy as np  # noqa: E402
from drift_data import PUBLISHED, Floats, Log, Random, World, normal, zipf  # noqa: E402

RATE, WINDOWS, DRAWS = 0.01, 50, 200
BESIDE = 6
"""Columns of the same kind without drift that are in the log as well: a log has several."""
NULLS = 0.01
OURS, PEERS = ("ours", "alone"), ("Evidently", "NannyML")
LEARNED = ", learned"
TINY = 1e-12
Draw = Callable[[Random, tuple[int, int]], Floats]
Scores = dict[str, Floats]


def numeric(before: int, now: int) -> tuple[Draw, dict[str, Draw]]:
    """A normal column with some nulls, and what becomes of it."""
    unit = (1 / before + 1 / now) ** 0.5
    far = {500: 0.77, 200: 0.87, 100: 0.93}[now]

    def plain(random: Random, shape: tuple[int, int]) -> Floats:
        values = normal(random, np.zeros(shape), np.zeros(shape))
        return np.where(random.random(shape) < NULLS, np.nan, values)

    def mixed(random: Random, shape: tuple[int, int]) -> Floats:
        values = plain(random, shape)
        return np.where(random.random(shape) < 0.8 * unit, 4.0 + random.normal(size=shape), values)

    def humps(random: Random, shape: tuple[int, int]) -> Floats:
        return random.choice([-far, far], shape) + (1 - far**2) ** 0.5 * plain(random, shape)

    def missing(random: Random, shape: tuple[int, int]) -> Floats:
        more = random.random(shape) < 4.5 * (NULLS * (1 - NULLS)) ** 0.5 * unit
        return np.where(more, np.nan, plain(random, shape))

    return plain, {
        "shifted": lambda random, shape: plain(random, shape) + 3.4 * unit,
        "rescaled": lambda random, shape: plain(random, shape) * (1 + 3.2 * unit),
        "mixed with another": mixed,
        "two humps": humps,
        "missing": missing,
    }


def categorical(levels: int, before: int, now: int) -> tuple[Draw, dict[str, Draw]]:
    """A categorical column of Zipf's shares, and what becomes of it."""
    unit, shares = (1 / before + 1 / now) ** 0.5, zipf(levels)
    many = {5: 3.2, 20: 2.6, 100: 2.5}[levels]

    def of(changed: Floats) -> Draw:
        return lambda random, shape: random.choice(levels, shape, p=changed / changed.sum()).astype(float)

    def new(random: Random, shape: tuple[int, int]) -> Floats:
        rows = {100: 4.5, 200: 5.5, 500: 6.0, 1_000: 13.0, 5_000: 45.0}[now] * (1 if levels == 5 else 1.5)
        return np.where(random.random(shape) < rows / now, float(levels), of(shares)(random, shape))

    one = shares.copy()
    one[2] += (1.9 if levels == 5 else 1.8) * unit
    return of(shares), {
        "shares mixed": of((1 - many * unit) * shares + many * unit * shares[::-1]),
        "one class more": of(one),
        "new category": new,
    }


CELLS = (
    *(("normal", before, now, 0) for before, now in ((5_000, 500), (5_000, 100), (50_000, 200), (15_000, 500))),
    *((f"{n} levels", *size, n) for n in (5, 20) for size in ((5_000, 500), (5_000, 100), (15_000, 500))),
    *((f"{n} levels", 1_000, now, n) for n in (5, 20) for now in (200, 1_000, 5_000)),
    ("100 levels", 5_000, 500, 100),
)


def log_of(before: int, now: int, levels: int, seed: int, number: int) -> Log:
    """One reference, and windows of it as they should be (the first column) and with each kind of drift."""
    random = np.random.default_rng((seed, before, now, levels, number))
    plain, changed = categorical(levels, before, now) if levels else numeric(before, now)
    chunks = max(1, before // now)
    reference = plain(random, (chunks, now))
    kinds = {"plain": plain, **changed}
    letter = "c" if levels else "x"
    columns = {
        f"{letter} {name}": np.concatenate([reference, draw(random, (WINDOWS, now))]) for name, draw in kinds.items()
    }
    there = np.ones((chunks + WINDOWS, now), dtype=np.bool_)
    if before < now:
        there[0, before:] = False
    world = World("power", now, chunk="rows", reference_days=chunks, days=WINDOWS)
    return Log(replace(world, reference_rows=before if before < now else 0), columns, there)


def beside(log: Log, levels: int, seed: int, number: int) -> Log:
    """The same log with BESIDE more columns; those that share a reference tell each other nothing."""
    random = np.random.default_rng((seed, number, levels))
    plain = (categorical if levels else numeric)(*((levels,) if levels else ()), log.world.rows, log.world.rows)[0]
    letter = "c" if levels else "x"
    more = {f"{letter} beside {at}": plain(random, log.there.shape) for at in range(BESIDE)}
    return replace(log, columns={**log.columns, **more})


def kept(folder: str, name: str, scored: Callable[[], Scores]) -> Scores:
    """What a peer said, from the folder where it did so before."""
    file = Path(folder) / (re.sub(r"[^A-Za-z0-9.]+", "_", name) + ".npz")
    if folder and file.exists():
        with np.load(file) as found:
            return dict(found)
    found = scored()
    if folder and found:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, **found)  # type: ignore[arg-type]
    return found


def stacked(each: list[dict[str, drift_peers.Scored]]) -> Scores:
    """Scores by column, shape (references, windows); and where the reference's own windows have some, by column and
    LEARNED how far beyond those each lies, in their deviations."""
    out = {c: np.stack([one[c].scores for one in each]) for c in (each[0] if each else ())}
    for column in list(out):
        of = [one[column] for one in each]
        if all(len(one.own) > 1 for one in of):
            beyond = [(one.scores - one.own.mean()) / max(float(one.own.std(ddof=1)), TINY) for one in of]
            out[column + LEARNED] = np.stack(beyond)
    return out


def powers(plain: Floats, drifted: Floats) -> float:
    """Share of windows beyond the quantile of those without drift."""
    return float((drifted > np.quantile(plain, 1 - RATE)).mean())


def main() -> None:
    """Print a row a cell, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, default=40)
    parser.add_argument("--nannyml", default="", help="the Python of an environment with NannyML")
    parser.add_argument("--keep", default="", help="a folder for the peers' scores")
    parser.add_argument("--seed", type=int, default=PUBLISHED)
    parser.add_argument("--only", default="", help="cells whose name holds this")
    options = parser.parse_args()
    versions = drift_peers.versions(options.nannyml)
    print(f"{options.references} references of {WINDOWS} windows, seed {options.seed}, rate {RATE}; {versions}\n")
    print(
        "| column | rows | drift | ours | Evidently | NannyML | ours less the best peer | alone | Evidently | NannyML |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, before, now, levels in CELLS:
        title = f"{name} {before:,} / {now:,}"
        if options.only not in title:
            continue
        logs = [log_of(before, now, levels, options.seed, number) for number in range(options.references)]
        asked: dict[str, Callable[[], Scores]] = {
            "ours": lambda logs=logs, levels=levels: stacked(
                [drift_peers.leeway(beside(log, levels, options.seed, n)) for n, log in enumerate(logs)]
            ),
            "alone": lambda logs=logs: stacked([drift_peers.leeway(log) for log in logs]),
            "Evidently": lambda logs=logs: stacked([drift_peers.evidently(log, own=True) for log in logs]),
            "NannyML": lambda logs=logs: stacked(drift_peers.nannyml(options.nannyml, logs)),
        }
        scores = {}
        for method, scored in asked.items():
            folder = options.keep if method not in OURS else ""
            found = kept(folder, f"{method} {title} {len(logs)} seed {options.seed} {versions}", scored)
            if found:
                scores[method] = found
        first, *drifts = logs[0].columns
        random = np.random.default_rng(options.seed)
        picked = random.integers(0, options.references, (DRAWS, options.references))
        for drift in drifts:
            power = {m: powers(of[first], of[drift]) for m, of in scores.items()}
            again = {m: np.asarray([powers(of[first][p], of[drift][p]) for p in picked]) for m, of in scores.items()}
            best = max((m for m in power if m not in OURS), key=lambda m: power[m])
            apart = {m: (power[m] - power[best], 2 * float((again[m] - again[best]).std())) for m in OURS}
            cells = [f"{power[m]:.2f}" if m in power else "–" for m in ("ours", *PEERS)]
            cells += [f"{d:+.3f} ± {e:.3f}{' **below**' if d + e < 0 else ''}" for d, e in apart.values()]
            learned = {
                m: powers(scores[m][first + LEARNED], scores[m][drift + LEARNED])
                for m in PEERS
                if first + LEARNED in scores.get(m, {})
            }
            cells += [f"{learned[m]:.2f}" if m in learned else "–" for m in PEERS]
            print(f"| {name} | {before:,} / {now:,} | {drift[2:]} | {' | '.join(cells)} |", flush=True)
            said = {"cell": title, "drift": drift, **power, "apart": apart, "learned": learned}
            print(json.dumps(said), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
