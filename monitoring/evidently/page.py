"""The HTML of an Evidently report. Runs in a process of its own (see monitoring.evidently.report)."""

from __future__ import annotations

import html
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from monitoring.evidently.failure import EvidentlyError
from monitoring.evidently.stattest import load
from monitoring.fleet import Model
from monitoring.logs.expressions import POSITIVE
from monitoring.logs.sample import Roles

FEWEST = 5
"""Rows with prediction and label below which Evidently's quality plots fail or mean nothing."""

CATEGORIES, CLASSES = 100, 50
"""Categories shown of a column, and classes quality is computed for: Evidently's time grows with their square."""

OTHER = "(other)"

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; font-src data:; "
    "img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
"""The page asks no other host for anything, whatever a category's name makes Evidently's renderer do."""

_NO_DATA = "<!-- no embedded data -->"


@dataclass(frozen=True, slots=True)
class About:
    """What is said above a report: its windows, and what a reader should know about it."""

    reference: str = ""
    current: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Frames:
    """Both samples with the columns that Evidently can use, and what was left out."""

    reference: pd.DataFrame
    current: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    @property
    def numeric(self) -> list[str]:
        """Columns of numbers."""
        return [str(name) for name in self.current if pd.api.types.is_float_dtype(self.current[name])]

    @property
    def categorical(self) -> list[str]:
        """All other columns."""
        return [str(name) for name in self.current if not pd.api.types.is_float_dtype(self.current[name])]


def build(reference: pd.DataFrame, current: pd.DataFrame, model: Model, roles: Roles, about: About = About()) -> str:  # noqa: B008
    """A page of its own, without any other file: data drift, a summary of the data, and quality where labels are there.

    Raises EvidentlyError where there is nothing to compare, or Evidently fails.
    """
    frames = _usable(reference, current, roles)
    presets = load("presets")
    widgets = _section("", frames, [presets.DataDriftPreset(), presets.DataSummaryPreset()], {})
    notes = [*about.notes, *frames.notes]
    try:
        quality, said = _quality(reference, current, model, roles)
        widgets += quality
    except EvidentlyError as error:  # one class only, say: the rest of the report is still worth having
        said = [f"Quality is left out: Evidently {error.what}"]
    return _page(widgets, model.title, About(about.reference, about.current, (*notes, *said)))


def _usable(reference: pd.DataFrame, current: pd.DataFrame, roles: Roles) -> _Frames:
    """Columns with values in both windows; Evidently stops at the first that has none."""
    shared, absent, empty = [], [], []
    for name in roles.names:
        if name not in reference or name not in current:
            absent.append(name)
        elif _finite(reference[name]).notna().any() and _finite(current[name]).notna().any():
            shared.append(name)
        else:
            empty.append(name)
    if not shared:
        raise EvidentlyError("no column has values in both windows.", where="report", mend="Choose other windows.")
    old, new = (pd.DataFrame({name: _finite(frame[name]) for name in shared}) for frame in (reference, current))
    frames = _Frames(old, new)
    crowded = [name for name in frames.categorical if _fold(old, new, name)]
    if absent:
        frames.notes.append(f"Not in the reference, and left out: {', '.join(absent)}.")
    if empty:
        frames.notes.append(f"Without a value in one of the windows, and left out: {', '.join(empty)}.")
    if crowded:
        text = f"More than {CATEGORIES} categories, of which the most frequent are told apart: {', '.join(crowded)}."
        frames.notes.append(text)
    return frames


def _fold(reference: pd.DataFrame, current: pd.DataFrame, name: str) -> bool:
    """Make one category of all but the most frequent; whether there were too many."""
    counts = pd.concat([reference[name], current[name]]).value_counts()
    if len(counts) <= CATEGORIES:
        return False
    kept = set(counts.index[:CATEGORIES])
    for frame in (reference, current):
        frame[name] = frame[name].where(frame[name].isin(kept) | frame[name].isna(), OTHER)
    return True


def _finite(series: pd.Series) -> pd.Series:
    """Infinities as nulls: Evidently's histograms fail on them."""
    return series.replace([np.inf, -np.inf], np.nan) if pd.api.types.is_float_dtype(series) else series


def _section(title: str, frames: _Frames, presets: list[Any], tasks: dict[str, Any], alone: bool = False) -> list[Any]:
    """Run presets; their widgets under a title. `alone`: without the reference."""
    evidently, widgets = load("core.report"), load("legacy.renderers.html_widgets")
    datasets = load("core.datasets")
    definition = datasets.DataDefinition(
        numerical_columns=frames.numeric, categorical_columns=frames.categorical, **tasks
    )
    current = datasets.Dataset.from_pandas(frames.current, definition)
    reference = None if alone else datasets.Dataset.from_pandas(frames.reference, definition)
    try:
        snapshot = evidently.Report(presets).run(current, reference)
        return [widgets.group_widget(title=title, widgets=snapshot._widgets), *snapshot._tests_widgets]
    except Exception as error:  # its metrics raise whatever NumPy, pandas or scikit-learn do
        message = " ".join(str(error).split())
        raise EvidentlyError(
            f"failed: {type(error).__name__}: {message}.", where="report", mend="Choose other windows."
        ) from error


def _quality(reference: pd.DataFrame, current: pd.DataFrame, model: Model, roles: Roles) -> tuple[list[Any], list[str]]:
    """The preset of the model's task on the rows that have prediction and label, and what to say about it."""
    if roles.label is None:
        return [], []
    pairs = [_judged(frame, model, roles) for frame in (reference, current)]
    if len(pairs[1]) < FEWEST:
        return [], [f"Quality is left out: {len(pairs[1]):,} rows of the current window have prediction and label."]
    alone = len(pairs[0]) < FEWEST
    datasets, presets = load("core.datasets"), load("presets")
    tasks: dict[str, Any]
    if model.task == "regression":
        preset = presets.RegressionPreset()
        tasks = {"regression": [datasets.Regression(target="label", prediction="prediction")]}
    else:
        preset = presets.ClassificationPreset()
        parts = {"target": "label", "prediction_labels": "prediction" if "prediction" in pairs[1] else None}
        if model.task == "binary_classification":
            score = "score" if "score" in pairs[1] else None
            task = datasets.BinaryClassification(**parts, prediction_probas=score, pos_label="1")
        else:
            task = datasets.MulticlassClassification(**parts)
            if (seen := pairs[1]["label"].nunique()) > CLASSES:
                return [], [f"Quality is left out: {seen:,} classes, where Evidently can show {CLASSES}."]
        tasks = {"classification": [task]}
    said = f"Quality is of the rows with a label: {len(pairs[1]):,} of {len(current):,} in the current window"
    compared = f"{len(pairs[0]):,} of {len(reference):,} in the reference"
    said += f", {'none to compare with in the reference' if alone else compared}."
    return _section("Quality", _Frames(pairs[0], pairs[1]), [preset], tasks, alone), [said]


def _judged(frame: pd.DataFrame, model: Model, roles: Roles) -> pd.DataFrame:
    """Label, prediction and score of the rows that have them, under these names."""
    if roles.label not in frame:
        return pd.DataFrame()
    out = {"label": frame[roles.label]}
    if roles.prediction is not None and roles.prediction in frame:
        out["prediction"] = frame[roles.prediction]
    mapped = model.predictions.columns.score
    if model.task == "binary_classification":
        positive = _positive_score(mapped, model.positive)
        if positive is not None and positive in frame:
            out["score"] = frame[positive]
    elif isinstance(mapped, dict) and "prediction" not in out and set(mapped.values()) <= set(frame):
        scores = frame[list(mapped.values())].set_axis(list(mapped), axis=1).dropna()
        out["prediction"] = scores.idxmax(axis=1).reindex(frame.index).astype(object)
    if len(out) == 1:
        return pd.DataFrame()
    return pd.DataFrame({name: _finite(series) for name, series in out.items()}).dropna().reset_index(drop=True)


def _positive_score(score: str | dict[str, str] | None, positive: str | None) -> str | None:
    """The column with the probability of the positive class."""
    if not isinstance(score, dict):
        return score
    return next((column for name, column in score.items() if name == positive or name.lower() in POSITIVE), None)


def _page(widgets: list[Any], title: str, about: About) -> str:
    """Evidently's own template, with what it lacks: a title, its data escaped, and a policy that keeps it at home."""
    dashboard, encoder = load("legacy.utils.dashboard"), load("legacy.utils").NumpyEncoder
    info = load("legacy.model.dashboard").DashboardInfo(name="Report", widgets=widgets)
    extra = load("legacy.model.widget").AdditionalGraphInfo
    graphs: dict[str, Any] = {}
    for widget in widgets:
        for graph in widget.get_additional_graphs():
            graphs[str(graph.id)] = graph.params if isinstance(graph, extra) else graph.dict()
    name = f"leeway_{uuid.uuid4().hex}"
    document = dashboard.file_html_template(
        dashboard.TemplateParams(dashboard_id=name, dashboard_info=info, additional_graphs={}, embed_data=False)
    )
    data = f"var {name} = {dashboard.dashboard_info_to_json(info)};"
    data += f"\nvar additional_graphs_{name} = {json.dumps(graphs, cls=encoder)};"
    # Evidently writes its JSON into the script as it is, so that a category called </script><script>… would run.
    # "<" stands only inside strings of JSON, where this means the same.
    script = "<script>" + data.replace("<", "\\u003c") + "</script>"
    heading = html.escape(f"Evidently report: {title}")
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<title>{heading}</title>\n'
    for mark in (_NO_DATA, "<head>", "<body>"):
        if mark not in document:
            raise EvidentlyError(
                f"writes its page without {mark}.", where="report", mend="Install the version in requirements.txt."
            )
    document = document.replace("<head>", f"<head>{head}", 1).replace(_NO_DATA, script, 1)
    before, body, after = document.partition("<body>")
    return f"{before}{body}{_header(heading, about)}{after}"


def _header(heading: str, about: About) -> str:
    windows = [f"<dt>{word}</dt><dd>{html.escape(text)}</dd>" for word, text in
               (("Reference", about.reference), ("Current", about.current)) if text]  # fmt: skip
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in about.notes)
    style = (
        "header{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto 0;padding:0 1rem;color:#1b2733}"
        "header h1{font-size:1.5rem;margin:0 0 .5rem}header dl{display:grid;grid-template-columns:6rem 1fr;margin:0}"
        "header dt{font-weight:600}header dd{margin:0}"
    )
    listed = f"<ul>{notes}</ul>" if notes else ""
    return f"<style>{style}</style><header><h1>{heading}</h1><dl>{''.join(windows)}</dl>{listed}</header>"
