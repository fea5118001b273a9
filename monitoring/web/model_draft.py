"""A model's document made of what was typed into the form or pasted as YAML. Knows no widget."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from monitoring import fleet
from monitoring.errors import FleetError
from monitoring.guessing.guess import Guess

SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
SUFFIXES |= {".jsonl.gz": "jsonl"}
SINGLE = ("id", "timestamp", "prediction", "version", "latency_ms", "status", "lower", "upper", "label", "observed_at")
SEVERAL = ("slices", "features", "categorical")


def kind_of(location: str) -> str | None:
    """The kind of source that a location's ending speaks of."""
    ends = sorted(SUFFIXES, key=len, reverse=True)
    return next((SUFFIXES[end] for end in ends if location.lower().rstrip("*").endswith(end)), None)


def slug(name: str) -> str:
    """A key made of a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]


def title_of(log: Mapping[str, str]) -> str:
    """A name made of where a log is."""
    if log["source"] == "sql":
        return log.get("table", "").replace("_", " ").replace(".", " ").capitalize()
    path = Path(log.get("location", "").rstrip("/*"))
    name = path.name if "*" not in path.name else path.parent.name
    return re.sub(r"[_\W]+", " ", name.split(".")[0]).strip().capitalize()


def class_names(columns: list[str], found: Guess) -> dict[str, str]:
    """A class for each of several score columns: as guessed, else the part of the name that the others do not share."""
    known = {column: name for name, column in found.score.items()} if isinstance(found.score, dict) else {}
    if not columns or all(c in known for c in columns):
        return {known[c]: c for c in columns}
    front = _shared(columns)
    back = _shared([c[::-1] for c in columns])
    return {known.get(c) or c[front : len(c) - back] or c: c for c in columns}


def _shared(names: list[str]) -> int:
    n = next((i for i, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    return n if len(names) > 1 else 0


def as_document(
    values: Mapping[str, Any], log: Mapping[str, str], labels: Mapping[str, str] | None, found: Guess
) -> dict[str, Any]:
    """The model as it is written in the fleet file; what was left empty is left out."""
    task = values["task"]
    columns: dict[str, Any] = {}
    for part in SINGLE:
        if part == "prediction":  # as in the fleet file's example: the score before the prediction
            many = task == "multiclass_classification"
            score: Any = class_names(values.get("scores") or [], found) if many else values.get("score")
            columns |= {"score": score} if score and task != "regression" else {}
        own = part in ("label", "observed_at")
        regression = part not in ("lower", "upper") or task == "regression"
        if values.get(part) and regression and not (own and values.get("labels") != "in the row"):
            columns[part] = values[part]
    for part in SEVERAL:
        if values.get(part) or part == "features":
            columns[part] = list(values.get(part) or [])
    if values.get("all_features"):
        columns["features"] = "*"
    document: dict[str, Any] = {"key": values.get("key") or slug(values.get("name") or "")}
    document |= {name: values[name] for name in ("name", "owner") if values.get(name)}
    document |= {"task": task, "mode": values["mode"], "target": values["target"]}
    if task == "binary_classification" and values.get("positive"):
        document["positive"] = values["positive"]
    document["predictions"] = {**log, "columns": columns}
    if labels is not None and values.get("labels") == "in a log of their own":
        theirs = {
            "id": values.get("lab_id"),
            "label": values.get("lab_label"),
            "observed_at": values.get("lab_observed_at"),
        }
        document["labels"] = {**labels, "columns": {k: v for k, v in theirs.items() if v}}
    return document | _windows(values)


def _windows(values: Mapping[str, Any]) -> dict[str, Any]:
    """Reference and chunk."""
    out: dict[str, Any] = {}
    by_rows = values["chunk"] == "rows"
    if values.get("reference") == "chosen" and by_rows:
        out["reference"] = {"rows": int(values["reference_rows"])}
    elif values.get("reference") == "chosen":
        first, last = values.get("from"), values.get("to")
        if isinstance(first, date) and isinstance(last, date):
            out["reference"] = {"from": first.isoformat(), "to": last.isoformat()}
    out["chunk"] = {"rows": int(values["rows"])} if by_rows else values["chunk"]
    return out


def documents_of(text: str, where: str) -> list[dict[str, Any]]:
    """The models of a text: a fleet file, a list of models, or one model. Raises FleetError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FleetError(f"is not YAML: {error}", where=where, mend="Mend the line named above.") from error
    if isinstance(found, list):
        found = {"models": found}
    elif isinstance(found, dict) and "models" not in found:
        found = {"models": [found]}
    elif not isinstance(found, dict):
        raise FleetError("holds no model", where=where, mend="See docs/fleet.md for an example.")
    fleet.parse(found, where)
    return fleet.documents(found)


def as_text(document: dict[str, Any]) -> str:
    """One model's document as YAML."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What changes from one document to another, as a diff; empty where nothing does."""
    old, new = as_text(before).splitlines(), as_text(after).splitlines()
    return "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=2))[2:])
