"""Adding a model by a form: where its log is, what its columns mean (guessed, to be looked over), and how it is cut."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.glance import Sample
from monitoring.guessing.guess import PARTS, Guess, guess, guess_labels
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.log_place import KEEP, PREFIX, field, place, put, show_sample
from monitoring.web.model_draft import as_document, slug, title_of

TASKS = {
    "binary_classification": "Binary classification",
    "multiclass_classification": "Multiclass classification",
    "regression": "Regression",
}
MODES = ("online", "online_batch_features", "streaming", "batch")
TARGETS = ("cloud", "edge", "browser")
CHUNKS = {"1h": "An hour", "1d": "A day", "7d": "A week", "30d": "30 days", "rows": "So many rows"}
LABELS = ("in the row", "in a log of their own", "none yet")
REFERENCES = {"first": "First quarter of the log", "chosen": "Chosen"}
WORDS = {
    "id": "Id",
    "timestamp": "Time",
    "score": "Score (probability of the positive class)",
    "prediction": "Prediction",
    "version": "Version",
    "latency_ms": "Latency in ms",
    "status": "Status (ok, error or HTTP code)",
    "label": "Label (what came true)",
    "observed_at": "Label seen at",
    "lower": "Lower end",
    "upper": "Upper end",
}


def form() -> dict[str, Any] | None:
    """The whole form; the document it stands for, once a log was looked at."""
    log = place("", "Where is the prediction log?", _looked_at)
    sample: Sample | None = field("sample")
    if log is None or sample is None:
        return None
    show_sample(sample)
    found: Guess = field("guess")
    with st.container(border=True):
        st.header("What is it?")
        about_model()
    with st.container(border=True):
        st.header("What are the columns?")
        st.caption("Guessed from names, types and values. The question marks say why; look them over.")
        mapping(sample, found)
    labels = labels_apart() if field("labels") == LABELS[1] else None
    with st.container(border=True):
        st.header("What is compared with what?")
        windows()
    values = {str(k).removeprefix(PREFIX): v for k, v in st.session_state.items() if str(k).startswith(PREFIX)}
    return as_document(values, log, labels, found)


def _looked_at(log: dict[str, str], sample: Sample) -> None:
    """Guess the mapping of the prediction log and fill the form with it."""
    found = guess(sample.kinds, sample.rows)
    many = isinstance(found.score, dict)
    put(**{part: getattr(found, part) for part in PARTS if part != "score"})
    put(
        guess=found,
        task=found.task,
        positive=found.positive or "",
        score=None if many else found.score,
        scores=list(found.score.values()) if isinstance(found.score, dict) else [],
        features=list(found.features),
        slices=list(found.slices),
        categorical=list(found.categorical),
        all_features=False,
        labels=LABELS[0] if found.label else LABELS[2],
        reference="first",
        preview=None,
        error=None,
        chunk="rows" if isinstance(found.chunk, dict) else found.chunk,
        rows=found.chunk["rows"] if isinstance(found.chunk, dict) else 5_000,
    )
    if not field("name"):
        put(name=title_of(log))


def about_model() -> None:
    """Name, owner, task."""
    name, key, owner = st.columns(3)
    name.text_input("Name", key=f"{PREFIX}name", **KEEP)
    key.text_input(
        "Key", key=f"{PREFIX}key", placeholder=slug(field("name") or ""), help="Small letters, digits, hyphens.", **KEEP
    )
    owner.text_input("Owner", key=f"{PREFIX}owner", placeholder="The team that is told", **KEEP)
    task, mode, target = st.columns(3)
    because = field("guess").because.get("task")
    task.selectbox(
        "Task", list(TASKS), format_func=TASKS.__getitem__, key=f"{PREFIX}task", help=_plain(because), **KEEP
    )
    mode.selectbox("Mode", MODES, format_func=lambda m: m.replace("_", " "), key=f"{PREFIX}mode", **KEEP)
    target.selectbox("Runs in", TARGETS, key=f"{PREFIX}target", **KEEP)


def mapping(sample: Sample, found: Guess) -> None:
    """A field a part, prefilled with the guess."""
    task = field("task")
    options = list(sample.kinds)

    def one(part: str, where: Any) -> None:
        help_ = _plain(found.because.get(part))
        where.selectbox(WORDS[part], options, index=None, placeholder="none", key=PREFIX + part, help=help_, **KEEP)

    def several(part: str, title: str, help_: str = "", disabled: bool = False) -> None:
        st.multiselect(
            title,
            options,
            key=PREFIX + part,
            help=_plain(found.because.get(part)) or help_ or None,
            disabled=disabled,
            placeholder="none",
            **KEEP,
        )

    left, right = st.columns(2)
    one("id", left)
    one("timestamp", right)
    if task == "multiclass_classification":
        several("scores", "Scores, one column per class", _plain(found.because.get("score")) or "")
    left, right = st.columns(2)
    if task == "binary_classification":
        one("score", left)
    one("prediction", left if task == "multiclass_classification" else right)
    if task == "regression":
        left, right = st.columns(2)
        one("lower", left)
        one("upper", right)
    for part, where in zip(("version", "latency_ms", "status"), st.columns(3), strict=True):
        one(part, where)
    several("features", "Features", disabled=bool(field("all_features")))
    st.checkbox("Every column that plays no other part, new ones too", key=f"{PREFIX}all_features", **KEEP)
    left, right = st.columns(2)
    with left:
        several("slices", "Slices", "Columns of few values whose groups are judged on their own.")
    with right:
        several("categorical", "Numbers that name classes", "Such as zones and codes: compared as categories.")
    st.segmented_control(
        "Labels", LABELS, required=True, key=f"{PREFIX}labels", help=_plain(found.because.get("label")), **KEEP
    )
    if field("labels") == LABELS[0]:
        left, right = st.columns(2)
        one("label", left)
        one("observed_at", right)
    if task == "binary_classification" and field("labels") != LABELS[2]:
        st.text_input(
            "Positive class",
            key=f"{PREFIX}positive",
            placeholder="1, true or yes",
            help=_plain(found.because.get("positive")),
            **KEEP,
        )
    if "left out" in found.because:
        st.caption(escape(f"Left out of the features: {found.because['left out']}"))


def labels_apart() -> dict[str, str] | None:
    """The log of labels: where it is, and its three columns."""

    def looked_at(log: dict[str, str], sample: Sample) -> None:
        found = guess_labels(sample.kinds, sample.rows, field("id"))
        put(lab_id=found.id, lab_label=found.label, lab_observed_at=found.observed_at)

    log = place("lab_", "Where are the labels?", looked_at)
    sample: Sample | None = field("lab_sample")
    if log is None or sample is None:
        return log
    names_ = {"lab_id": "Id, as in the predictions", "lab_label": "Label", "lab_observed_at": "Seen at"}
    for (part, title), where in zip(names_.items(), st.columns(3), strict=True):
        where.selectbox(title, list(sample.kinds), index=None, placeholder="none", key=PREFIX + part, **KEEP)
    return log


def windows() -> None:
    """Chunk and reference."""
    left, right = st.columns(2)
    because = field("guess").because.get("chunk")
    left.selectbox(
        "A verdict over every",
        list(CHUNKS),
        format_func=CHUNKS.__getitem__,
        key=f"{PREFIX}chunk",
        help=_plain(because),
        **KEEP,
    )
    if field("chunk") == "rows":
        right.number_input("Rows", min_value=10, step=100, key=f"{PREFIX}rows", **KEEP)
    st.segmented_control(
        "Reference: what is normal",
        list(REFERENCES),
        format_func=REFERENCES.__getitem__,
        required=True,
        key=f"{PREFIX}reference",
        **KEEP,
    )
    if field("reference") != "chosen":
        return
    if field("chunk") == "rows":
        st.number_input(
            "The first so many rows", min_value=10, step=100, value=5_000, key=f"{PREFIX}reference_rows", **KEEP
        )
        return
    first, last = st.columns(2)
    earliest, latest = _span()
    first.date_input("From, UTC", earliest, key=f"{PREFIX}from", **KEEP)
    last.date_input("To and with, UTC", latest, key=f"{PREFIX}to", **KEEP)


def _span() -> tuple[Any, Any]:
    """The days of the sample, as a first proposal."""
    sample: Sample = field("sample")
    name = field("timestamp")
    if name in sample.rows and sample.kinds[name] == "time":
        times = pd.to_datetime(sample.rows[name], utc=True, errors="coerce").dropna()
        if len(times):
            return times.min().date(), times.max().date()
    return now().date(), now().date()


def _plain(text: str | None) -> str | None:
    """A reason as a tooltip, its user strings escaped."""
    return escape(text[0].upper() + text[1:]) if text else None
