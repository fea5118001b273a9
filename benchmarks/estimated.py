"""Do the bands of estimated performance hold, and how far off are estimates: python benchmarks/estimated.py.

Parts (name some of them to run those alone): `cbpe` and `dle`, coverage of the 95 % bands on synthetic data whose
inputs shift and whose P(label | inputs) does not; `demo`, coverage on the demo's real models, whose concepts do drift;
`nannyml`, ours beside NannyML's CBPE and the truth. NannyML lives in an environment of its own, made with

    uv venv --python 3.11 /tmp/peers/nannyml
    uv pip install --python /tmp/peers/nannyml/bin/python nannyml==0.13.1 statsmodels

or wherever LEEWAY_PEER_NANNYML says its Python is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

REFERENCES, WINDOWS = (5_000, 50_000), (200, 1_000, 5_000)
METRICS = ("roc_auc", "average_precision", "accuracy", "f1", "precision", "recall", "log_loss", "brier")
SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "calibrated": lambda p: p,
    "overconfident": lambda p: 1 / (1 + np.exp(-1.7 * np.log(p / (1 - p)) - 0.3)),
    "bent": lambda p: p**2 / (p**2 + 0.3 * (1 - p)),
}
SEED = 5
NANNYML = Path(os.environ.get("LEEWAY_PEER_NANNYML", "/tmp/peers/nannyml/bin/python"))


def binary_rows(random: np.random.Generator, n: int, shift: float, kind: str) -> tuple[np.ndarray, ...]:
    """Features, score and label. The features' means move by `shift`; P(label | features) stays."""
    x = random.normal(0, 1, (n, 3)) + shift * np.array([0.6, -0.3, 0.3])
    p = 1 / (1 + np.exp(-(-0.7 + 1.3 * x[:, 0] + 0.5 * x[:, 0] * x[:, 1] - 0.4 * x[:, 2])))
    return x, SCORES[kind](p), (random.random(n) < p).astype(int)


def regression_rows(random: np.random.Generator, n: int, shift: float) -> tuple[np.ndarray, ...]:
    """Features, prediction of an imperfect model, and label, whose noise grows with the first feature."""
    x = random.normal(0, 1, (n, 4)) + shift * np.array([0.7, 0.0, -0.4, 0.0])
    label = 20 + 5 * x[:, 0] + 3 * np.sin(2 * x[:, 1]) + np.exp(0.5 * x[:, 0]) * 2 * random.standard_t(6, n)
    return x, 20 + 5 * x[:, 0] + 2 * x[:, 1], label


def cbpe(repeats: int = 60) -> None:
    """Coverage of CBPE's bands: share of realised values inside, over three kinds of score, without and with shift."""
    from monitoring.core.estimation.cbpe import estimate, learn
    from monitoring.core.performance.metric import get
    from monitoring.core.performance.outcome import SCORES as CLASSES
    from monitoring.core.performance.outcome import BinaryOutcome
    from monitoring.estimating.judge import score_classes

    def table(score: np.ndarray, label: np.ndarray) -> np.ndarray:
        found = np.zeros((CLASSES, 2), dtype=np.int64)
        np.add.at(found, (score_classes(score), label), 1)
        return found

    random = np.random.default_rng(SEED)
    lines = []
    for reference in REFERENCES:
        for window in WINDOWS:
            hits: dict[tuple[float, str], list[bool]] = defaultdict(list)
            for number in range(repeats * len(SCORES)):
                kind = list(SCORES)[number % len(SCORES)]
                _, score, label = binary_rows(random, reference, 0.0, kind)
                pieces = max(reference // window, 10 if reference < 5 * window else 1)
                tables = np.stack([table(score[i], label[i]) for i in np.array_split(np.arange(reference), pieces)])
                known = learn(tables, tables, 0)
                for shift in (0.0, 1.0):
                    _, score, label = binary_rows(random, window, shift, kind)
                    rows, cells = table(score, label), np.zeros((CLASSES, 2, 2), dtype=np.int64)
                    predicted = np.zeros(CLASSES, dtype=np.int64)
                    predicted[score_classes(np.asarray([0.5]))[0] : -1] = 1
                    cells[np.arange(CLASSES), predicted] = rows
                    n = rows.sum(axis=1)
                    found = estimate(n, n * predicted.astype(float), known, METRICS, 1.0, 0)
                    for name in METRICS:
                        value = get(name, "binary_classification").compute(BinaryOutcome(cells)).value
                        band = found[name]
                        if value is not None and band.lower is not None and band.upper is not None:
                            hits[shift, name].append(band.lower <= value <= band.upper)
            for shift in (0.0, 1.0):
                covered = {name: float(np.mean(hits[shift, name])) for name in METRICS}
                lines.append([reference, window, "shifted" if shift else "as it was", *covered.values()])
                lines[-1].append(float(np.mean([h for name in METRICS for h in hits[shift, name]])))
    show(
        f"CBPE coverage, {repeats * len(SCORES)} windows a cell",
        ["reference", "window", "inputs", *METRICS, "all"],
        lines,
    )


def dle(repeats: int = 25, windows: int = 6) -> None:
    """Coverage of DLE's bands: share of realised values inside, without and with a shift of the inputs."""
    from monitoring.core.estimation import dle as core
    from monitoring.core.estimation.shift import weights
    from monitoring.estimating.losses import fit

    random = np.random.default_rng(SEED)
    names, lines = ("mae", "rmse", "bias"), []
    for reference in REFERENCES:
        hits: dict[tuple[int, float, str], list[bool]] = defaultdict(list)
        off: dict[tuple[int, float], list[float]] = defaultdict(list)
        for _ in range(repeats):
            x, prediction, label = regression_rows(random, min(reference, 20_000), 0.0)
            rows = np.column_stack([x, prediction])
            losses = {name: core.LOSSES[core.NEEDS[name]](prediction, label) for name in names}
            models = {name: fit(rows, loss, [False] * 5, 0) for name, loss in losses.items()}
            seen = np.column_stack([rows, *(models[n].out_of_fold for n in names)])
            for window in WINDOWS:
                piece = np.arange(len(label)) * max(10, reference // window) // len(label)
                known = {core.NEEDS[n]: core.trust(losses[n], models[n].out_of_fold, piece, n != "bias") for n in names}
                for shift in (0.0, 1.0):
                    for _ in range(windows):
                        x, prediction, label_now = regression_rows(random, window, shift)
                        rows = np.column_stack([x, prediction])[:2_000]
                        expected = {core.NEEDS[n]: models[n].expect(rows) for n in names}
                        now = np.column_stack([rows, *expected.values()])
                        alike = weights(seen, now, 0)
                        error = prediction - label_now
                        came = {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean()), "bias": error.mean()}
                        for name in names:
                            band = core.estimate(name, expected, known, alike, window, 1.0)
                            assert band.value is not None and band.lower is not None and band.upper is not None
                            hits[window, shift, name].append(band.lower <= came[name] <= band.upper)
                        off[window, shift].append(
                            abs(core.estimate("mae", expected, known, alike, window, 1.0).value - came["mae"])
                        )
        for window in WINDOWS:
            for shift in (0.0, 1.0):
                covered = [float(np.mean(hits[window, shift, name])) for name in names]
                whole = float(np.mean([h for name in names for h in hits[window, shift, name]]))
                where = "shifted" if shift else "as it was"
                lines.append([reference, window, where, *covered, whole, f"{np.mean(off[window, shift]):.3f}"])
    title = f"DLE coverage, {repeats * windows} windows a cell ({repeats} references)"
    show(title, ["reference", "window", "inputs", *names, "all", "MAE off by"], lines)


def demo() -> None:
    """Coverage on the demo's models: every mature window outside the reference."""
    now = {"taxi-demand": datetime(2014, 12, 31, tzinfo=UTC)}
    with tempfile.TemporaryDirectory() as folder:
        found = evaluated(
            ROOT / "data" / "fleet.yaml", Path(folder), lambda key: now.get(key, datetime(2013, 12, 31, tzinfo=UTC))
        )
    both = paired(found)
    both = both[both["slice"] == ""]
    lines = []
    for (model, metric), one in both.groupby(["model", "metric"]):
        realised = f"{one['realised'].mean():.4g}"
        lines.append(
            [model, metric, len(one), float(one["covered"].mean()), f"{one['off'].mean():.3g}",
             f"{one['width'].mean():.3g}", realised, f"{one['realised'].std():.3g}"]
        )  # fmt: skip
    show(
        "The demo's models, mature windows after the reference",
        ["model", "metric", "windows", "covered", "off by", "band width", "realised", "its deviation"],
        lines,
    )


def nannyml(repeats: int = 3) -> None:
    """ROC AUC, F1 and accuracy of 20 windows under growing shift: ours, NannyML's, and what came."""
    if not NANNYML.exists():
        print(f"NannyML is not at {NANNYML}; make its environment with the two commands at the top of {__file__}.")
        return
    names, lines, version = ("roc_auc", "f1", "accuracy"), [], ""
    reference, window, count = 20_000, 2_000, 20
    for kind in SCORES:
        found = []
        for seed in range(repeats):
            both, version = beside(kind, reference, window, count, seed)
            found.append(both)
        both = pd.concat(found)
        for metric in names:
            one = both[both["metric"] == metric]
            rival = (one["theirs"] - one["realised"]).abs()
            lines.append(
                [kind, metric, f"{one['realised'].min():.3f} to {one['realised'].max():.3f}",
                 f"{one['off'].mean():.4f}",
                 f"{rival.mean():.4f}", f"{(one['theirs'] - one['value']).abs().mean():.4f}",
                 float(one["covered"].mean()), float(one["realised"].between(one["low"], one["high"]).mean())]
            )  # fmt: skip
    show(
        f"CBPE beside NannyML {version}: {repeats} times {count} windows of {window:,}, reference {reference:,}",
        ["scores", "metric", "realised", "ours off by", "theirs off by", "apart", "ours covered", "theirs covered"],
        lines,
    )


def beside(kind: str, reference: int, window: int, count: int, seed: int) -> tuple[pd.DataFrame, str]:
    """Our verdicts on a log of its own, with NannyML's estimates (theirs, low, high) of the same windows."""
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [binary_rows(random, reference, 0.0, kind)]
        parts += [binary_rows(random, window, 1.5 * i / count, kind) for i in range(count)]
        x, score, label = (np.concatenate([part[i] for part in parts]) for i in range(3))
        log = pd.DataFrame(x, columns=["a", "b", "c"]).assign(score=score, label=label)
        log["predicted"] = (log["score"] >= 0.5).astype(int)
        log.to_parquet(folder / "log.parquet", index=False)
        columns = {"score": "score", "prediction": "predicted", "label": "label", "features": ["a", "b", "c"]}
        document = {
            "key": "synthetic", "task": "binary_classification", "chunk": {"rows": window},
            "reference": {"rows": reference},
            "predictions": {"source": "parquet", "location": "log.parquet", "columns": columns},
        }  # fmt: skip
        (folder / "fleet.yaml").write_text(json.dumps({"models": [document]}))
        ours = paired(evaluated(folder / "fleet.yaml", folder, lambda key: datetime(2026, 1, 1, tzinfo=UTC)))
        theirs, version = peer(folder, reference, window)
    out = []
    for metric, values in theirs.items():
        one = ours[ours["metric"] == metric].sort_values("chunk")
        assert len(one) == len(values["theirs"]) == count
        out.append(one.assign(**values))
    return pd.concat(out), version


def peer(folder: Path, reference: int, window: int) -> tuple[dict[str, dict[str, list[float]]], str]:
    """What NannyML says of the same log, in its own environment."""
    script = f"""
import json, pandas, nannyml
log = pandas.read_parquet({str(folder / "log.parquet")!r})
names = ["roc_auc", "f1", "accuracy"]
model = nannyml.CBPE(problem_type="classification_binary", y_pred_proba="score", y_pred="predicted", y_true="label",
                     metrics=names, chunk_size={window})
model.fit(log[:{reference}])
found = model.estimate(log[{reference}:].reset_index(drop=True).drop(columns="label"))
frame = found.filter(period="analysis").to_df()
out = {{}}
for n in names:
    parts = (("theirs", "value"), ("low", "lower_confidence_boundary"), ("high", "upper_confidence_boundary"))
    out[n] = {{name: frame[(n, column)].tolist() for name, column in parts}}
print(json.dumps({{"version": nannyml.__version__, "out": out}}))
"""
    done = subprocess.run(
        [str(NANNYML), "-W", "ignore", "-c", script], capture_output=True, text=True,
        env=os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["out"], answer["version"]


def evaluated(file: Path, folder: Path, now: Callable[[str], datetime]) -> pd.DataFrame:
    """The realised and estimated verdicts of a fleet, evaluated in a throw-away database."""
    from monitoring import fleet
    from monitoring.evaluate import Scope, evaluate
    from monitoring.store import models
    from monitoring.store.database import connect, reading, transaction
    from monitoring.store.migrations import migrate

    store = connect(f"sqlite:///{folder}/leeway.db")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(file), file.parent, "benchmark", datetime.now(UTC))
    with reading(store) as session:
        watched = models.watched(session)
    out: list[dict[str, Any]] = []
    for one in watched:
        present = now(one.key)
        for v in evaluate(store, one, Scope(now=present), lambda: present, lambda share, words: None):  # noqa: B023
            family, _, metric = v.check.partition(".")
            if family in ("performance", "estimated") and not v.version and not v.provisional:
                out.append(
                    {"model": v.model, "family": family, "metric": metric, "slice": v.slice or "",
                     "start": v.window.start, "chunk": v.window.chunk, "value": v.value, "lower": v.lower,
                     "upper": v.upper}
                )  # fmt: skip
    store.dispose()
    return pd.DataFrame(out)


def paired(found: pd.DataFrame) -> pd.DataFrame:
    """Estimates beside what came."""
    on = ["model", "metric", "slice", "start", "chunk"]
    came = found[found["family"] == "performance"].rename(columns={"value": "realised"})[[*on, "realised"]]
    both = found[found["family"] == "estimated"].merge(came, on=on)
    both = both[both["value"].notna() & both["realised"].notna()]
    inside = (both["lower"] <= both["realised"]) & (both["realised"] <= both["upper"])
    return both.assign(
        covered=inside, off=(both["value"] - both["realised"]).abs(), width=both["upper"] - both["lower"]
    )


def show(title: str, head: list[str], lines: list[list[Any]]) -> None:
    """A Markdown table; numbers between 0 and 1 as percent."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for line in lines:
        cells = [f"{v:.1%}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else str(v) for v in line]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run all parts, or those named."""
    parts = {"cbpe": cbpe, "dle": dle, "demo": demo, "nannyml": nannyml}
    import sklearn

    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}")
    for name in sys.argv[1:] or parts:
        began = datetime.now(UTC)
        parts[name]()
        print(f"\n({name}: {(datetime.now(UTC) - began) / timedelta(seconds=1):.0f} s)")


if __name__ == "__main__":
    main()
