"""Retrain a model of the demo fleet, or let another version of it serve: the command of its dispatcher.

    python data/retrain.py < order.json        in the demo fleet's folder; LEEWAY_COMMANDS has to allow it

`retrain` refits the model's recipe (forecast.py) on what its own log holds of the two months before `train_until`, with
the labels that were known by then, keeps it as a new version under models/<key>/, answers the rows held out since then
into the shadow log, and has the replay answer there what follows. `promote` and `roll_back` say which version serves
from now on, `reject` that a version answers nothing beside it any more. It is told, and tells, as docs/dispatchers.md
says. Killed at any moment it leaves nothing half done: a version counts once turns.json names it.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from forecast import AIR_TIME, CONGESTION, DELAY, TAXI, TREES, codes, fit
from sklearn.metrics import mean_absolute_error, roc_auc_score
from threadpoolctl import threadpool_limits

sys.path.append(str(Path(__file__).resolve().parent.parent))

from monitoring.core.retraining.order import Action, Order
from monitoring.demo.files import alone, newest, put, put_table, put_text
from monitoring.demo.versions import SHIPPED, Turn, Version, shadow_of, take_turn, turns

RECIPES = {"arrival-delay-risk": DELAY, "air-time-eta": AIR_TIME, "airport-congestion": CONGESTION, "taxi-demand": TAXI}
SPAN = timedelta(days=61)
"""What is learned from, before `train_until`: two months, as everywhere in logs/truth.json."""
HOLDOUT = timedelta(days=7)
"""Left out where the order leaves it to us."""
LEAST = 300
"""Labelled rows below which nothing is fitted."""
FITTED = re.compile(r"\[(\d+)/\d+\]")
"""How scikit-learn begins the line of a tree."""


class Log:
    """A model's logs in the demo fleet's folder, as its fleet file maps them."""

    def __init__(self, target: Path, key: str) -> None:
        models = yaml.safe_load((target / "fleet.yaml").read_text(encoding="utf-8"))["models"]
        found = next((model for model in models if model["key"] == key), None)
        if found is None or key not in RECIPES:
            sys.exit(f"the demo fleet has no model {key!r} that can be retrained")
        self.target, self.place, self.recipe = target, target / "models" / key, RECIPES[key]
        self.folder, self.labelling = target / found["predictions"]["location"], target / found["labels"]["location"]
        self.shadow = target / found["retraining"]["shadow"]["location"]
        self.columns: Mapping[str, Any] = found["predictions"]["columns"]
        self.label: Mapping[str, Any] = found["labels"]["columns"]

    def newest(self) -> datetime:
        """The last moment that was answered."""
        found = newest(self.folder, self.columns["timestamp"])
        if found is None:
            sys.exit(f"{self.folder} holds no rows: python -m monitoring demo")
        return found

    def predictions(self, after: datetime, until: datetime) -> pa.Table:
        """The logged rows of a time, in order."""
        time = pc.field(self.columns["timestamp"])
        return pq.read_table(self.folder, filters=(time > after) & (time <= until)).sort_by(self.columns["timestamp"])

    def labels(self, after: datetime, until: datetime) -> pd.DataFrame:
        """Labels that became known in a time, by the id of the prediction."""
        time = pc.field(self.label["observed_at"])
        names = [self.label["id"], self.label["label"]]
        found = pq.read_table(self.labelling, filters=(time > after) & (time <= until), columns=names)
        return found.to_pandas().set_index(self.label["id"])

    def labelled(self, rows: pd.DataFrame, after: datetime, until: datetime) -> pd.DataFrame:
        """Those of the rows that were answered, and whose label is known."""
        found = rows.join(self.labels(after, until), on=self.columns["id"], how="inner")
        return found[found[self.columns["prediction"]].notna() & found[self.recipe.label].notna()]


class Trees(io.StringIO):
    """What scikit-learn prints while it fits, as progress."""

    def write(self, text: str) -> int:
        """Tell of every tree."""
        for number in FITTED.findall(text):
            tell(0.1 + 0.7 * int(number) / TREES, f"fitting tree {number} of at most {TREES}")
        return len(text)


def retrain(order: Order, target: Path) -> None:
    """Fit, keep, answer what was held out, and say which version it is."""
    log = Log(target, order.model)
    if (made := before(log, order)) is not None:
        tell_of(made)
        return
    tell(0.0, "reading the log")
    now = log.newest()
    until = order.train_until or now - HOLDOUT
    rows = log.labelled(log.predictions(until - SPAN, until).to_pandas(), until - SPAN, until)
    if len(rows) < LEAST:
        sys.exit(f"{len(rows):,} rows of the two months before {until:%Y-%m-%d %H:%M} UTC have a label; {LEAST} needed")
    tell(0.1, f"fitting on {len(rows):,} rows")
    with threadpool_limits(1), contextlib.redirect_stdout(Trees()):
        model = fit(log.recipe, rows, verbose=2)
    content = dict(
        numbers=log.recipe.numbers, categories=log.recipe.categories, codes=tuple(codes(log.recipe, model)),
        classifier=log.recipe.classifier, trees=model.named_steps["model"],
    )  # fmt: skip
    version = Version("", **content)
    held = log.predictions(until, now)
    tell(0.8, f"answering {len(held):,} rows held out since {until:%Y-%m-%d %H:%M} UTC")
    answers = version.answered(held, log.columns)
    metrics = measured(log, held, answers, until)
    tell(0.95, "keeping it")
    with alone(target):
        later = log.newest()  # what was replayed in the meantime
        if later > now:
            answers = pa.concat_tables([answers, version.answered(log.predictions(now, later), log.columns)])
        kept = turns(log.place)
        name = str(1 + max(int(n) for turn in kept for n in (turn.serves, turn.shadows) if n))
        number = answers.schema.get_field_index(log.columns["version"])
        named = pa.array([name] * len(answers), answers.schema.field(number).type)
        answers = answers.set_column(number, answers.schema.field(number), named)
        about = {
            "order": order.id, "version": name, "metrics": metrics, "rows": len(rows),
            "from": (until - SPAN).isoformat(), "until": until.isoformat(),
        }  # fmt: skip
        put(log.place / name / "model.pickle", partial(dump, content))
        put_text(log.place / name / "about.json", json.dumps(about, indent=1) + "\n")
        put_table(log.shadow / f"version-{name}.parquet", shadow_of(answers, log.columns))
        take_turn(log.place, Turn(later, kept[-1].serves, name))
    tell_of(about)


def promote(order: Order, target: Path) -> None:
    """The order's version serves from now on, and the one that did goes on in the shadow log."""
    log = Log(target, order.model)
    with alone(target):
        last = turns(log.place)[-1]
        wanted = order.version or SHIPPED
        if wanted != SHIPPED and not (log.place / wanted / "model.pickle").exists():
            sys.exit(f"version {wanted} is not in {log.place}: was the demo fleet laid down anew?")
        if wanted != last.serves:
            take_turn(log.place, Turn(max(order.at, log.newest()), wanted, last.serves))
    tell(1.0, "What is replayed from now on is answered by it.")


def reject(order: Order, target: Path) -> None:
    """The order's version goes on in the shadow log no more."""
    log = Log(target, order.model)
    with alone(target):
        last = turns(log.place)[-1]
        if last.shadows == order.version != last.serves:
            take_turn(log.place, Turn(max(order.at, log.newest()), last.serves))
    tell(1.0, f"Version {order.version} answers nothing any more.")


def before(log: Log, order: Order) -> dict[str, Any] | None:
    """What this very order brought out before, where it did."""
    for name in {turn.shadows for turn in turns(log.place)} - {"", SHIPPED}:
        about: dict[str, Any] = json.loads((log.place / name / "about.json").read_text(encoding="utf-8"))
        if about["order"] == order.id:
            return about
    return None


def measured(log: Log, held: pa.Table, answers: pa.Table, until: datetime) -> dict[str, float]:
    """How it does on the rows held out whose label is known by now, beside what was answered then."""
    out: dict[str, float] = {}
    for name, table in (("", answers), ("_before", held)):
        rows = log.labelled(table.to_pandas(), until, datetime.max.replace(tzinfo=until.tzinfo))
        out["rows"] = len(rows)
        truth = rows[log.recipe.label]
        if log.recipe.classifier and truth.nunique() == 2:
            out[f"roc_auc{name}"] = float(roc_auc_score(truth, rows[log.columns["score"]]))
        elif not log.recipe.classifier and len(rows):
            out[f"mae{name}"] = float(mean_absolute_error(truth, rows[log.columns["prediction"]]))
    return out


def dump(content: dict[str, Any], path: Path) -> None:
    """As monitoring/demo/versions.py loads it."""
    path.write_bytes(pickle.dumps(content))


def tell(progress: float, message: str) -> None:
    """How far it is."""
    print(json.dumps({"progress": round(progress, 3), "message": message}), file=sys.__stdout__, flush=True)


def tell_of(about: Mapping[str, Any]) -> None:
    """The version that has come out."""
    words = f"Fitted on {about['rows']:,} rows from {about['from'][:10]} to {about['until'][:10]}."
    said = {"state": "candidate", "version": about["version"], "metrics": about["metrics"], "message": words}
    print(json.dumps(said), flush=True)


ACTIONS = {Action.RETRAIN: retrain, Action.PROMOTE: promote, Action.ROLL_BACK: promote, Action.REJECT: reject}


if __name__ == "__main__":
    order = Order.from_json(json.load(sys.stdin))
    ACTIONS[order.action](order, Path.cwd())
