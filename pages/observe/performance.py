"""Performance: Is it degrading, on which slice?

icon: trending_down
order: 4
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.performance.metric import get
from monitoring.fleet import Model, parse_model
from monitoring.store.queries.performance import mature
from monitoring.verdicts.miscalibration import CHECKS
from monitoring.web import (
    cached,
    charts,
    clock,
    courses,
    estimates,
    evidence,
    label_delay,
    metric_table,
    pieces,
    reliability,
    timeline,
)
from monitoring.web.access import require
from monitoring.web.escape import escape
from monitoring.web.look import of_status
from monitoring.web.span import Span, model, span

require("viewer")

VIEWS = ("Whole", "By slice", "By version")
YAML = """labels:
  source: parquet
  location: logs/outcomes.parquet
  columns: {id: prediction_id, label: outcome, observed_at: observed_at}"""


def document_of(key: str) -> Model:
    """The model as it was written."""
    entry = next(e for e in cached.entries() if e.key == key)
    return parse_model(entry.document, key)


def metrics(key: str) -> list[str]:
    """All metrics of the model, the one it is judged by first."""
    found = {
        v.check: v.threshold is not None
        for v in cached.newest(key)
        if v.check.startswith("performance.") and not v.slice
    }
    own = [t.check for t in document_of(key).thresholds if t.check in found]
    found |= dict.fromkeys(found.keys() & set(CHECKS), False)  # judged besides the one
    main = [f"performance.{e.main}" for e in cached.fleet(clock.now()) if e.key == key]
    first = [*own, *(name for name in main if name in found)]  # its newest window may have no value yet
    names = dict.fromkeys([*first, *sorted(found, key=lambda name: not found[name])])
    return [name.removeprefix("performance.") for name in names]


def whole(key: str, metric: str, frame: pd.DataFrame, title: str, shown: Span) -> None:
    """The metric over the range, drift below on the same axis."""
    with st.container(border=True):
        reference = cached.reference(key, metric)
        drift = cached.history(key, "drift", shown.start, shown.end)
        out = courses.metric(frame, title, drift, reference.value if reference else None)
        estimated = estimates.history(key, metric, shown)
        estimates.overlay(out, estimated)
        judged = mature(frame)
        bad = int((judged["status"] == "breached").sum())
        moved = charts.changed(charts.changes(out, judged))
        alt = f"{title} over the {shown.words}: {bad} of {len(judged)} mature windows breached."
        timed = bool(frame["window_start"].notna().any())
        timeline.show(out, alt, "performance_course", key, shown, timed=timed)
        st.caption(
            escape(
                f"{moved} {courses.thresholds(frame)} Hollow points on a dotted line are provisional: "
                "labels are still to come."
            )
        )
        estimates.told(key, metric, estimated, shown)
    pieces.download(lambda: frame.to_csv(index=False), f"{key}-{metric}", "course_csv", help="The course by window")


def better(check: str, task: str) -> bool:
    """Whether more of a metric is better."""
    return get(check.removeprefix("performance."), task).better == "higher"


def apart(key: str, check: str, title: str, shown: Span, by: str) -> None:
    """The metric slice by slice, or version by version, worst first."""
    kwargs: dict[str, Any] = {"slice_": None} if by == "slice" else {"slice_": "", "version": None}
    frame = cached.history(key, check, shown.start, shown.end, **kwargs)
    frame = frame[frame[by] != ""]
    if mature(frame).empty:
        step = {
            "slice": "Map the columns to slice by as `slices` in the fleet file.",
            "version": "Map `version` in the fleet file; versions are told apart once the log holds two of them.",
        }[by]
        pieces.empty(f"There is nothing to show by {by} in this range.", step)
        return
    newest = courses.worst_first(mature(frame), by, better(check, document_of(key).task))
    with st.container(border=True):
        out = courses.apart(frame, by, list(newest[by]))
        alt = f"{title} by {by}; {newest[by].iloc[0]} is worst: {newest['reason'].iloc[0]}"
        timed = bool(frame["window_start"].notna().any())
        timeline.show(out, alt, f"performance_{by}", key, shown, timed=timed)
        if len(newest) > courses.LINES:
            st.caption(f"The {courses.LINES} worst of {len(newest)} are drawn; the table has them all.")
    metric_table.table(newest.assign(name=newest[by]), by.capitalize(), f"{key}-{by}")


def every(key: str, frame: pd.DataFrame, newest: pd.Series, task: str, shown: Span) -> None:
    """All metrics of the newest mature window."""
    st.header("All metrics")
    found = cached.history(key, "performance.%", shown.start, shown.end)
    same = found[(found["window_start"] == newest["window_start"]) | (found["chunk"] == newest["chunk"])]
    st.caption(escape(f"Newest mature window: {clock.window(*metric_table.window(newest))}."))
    names = [evidence.title(check.removeprefix("performance."), task) for check in same["check"]]
    metric_table.table(same.assign(name=names), "Metric", f"{key}-metrics")


def nothing(key: str) -> None:
    """Why there is no metric, and what to do about it."""
    if cached.baseline(key) is None:
        pieces.empty(
            "This model has not been evaluated yet.",
            "See whether its log arrives.",
            "configure/models_and_logs.py",
            "Models and logs",
        )
        return
    document = document_of(key)
    if document.labels is None and document.predictions.columns.label is None:
        pieces.empty(
            "This model has no labels.",
            "Realised performance needs the outcomes. Add them to the model in the fleet file:",
        )
        st.code(YAML, language=None)
        return
    pieces.empty(
        "No label has arrived yet.",
        "Labels are joined by `id`; see whether their log arrives.",
        "configure/models_and_logs.py",
        "Models and logs",
    )


def page(key: str, shown: Span) -> None:
    """The page of a model."""
    names = metrics(key)
    if not names:
        nothing(key)
        return
    document = document_of(key)
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    metric = left.selectbox("Metric", names, key="metric", bind="query-params") or names[0]
    with right.container(horizontal=True, horizontal_alignment="right"):
        view = st.segmented_control(
            "View",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
        )
    title = evidence.title(metric, document.task)
    frame = cached.history(key, f"performance.{metric}", shown.start, shown.end)
    if frame.empty:
        pieces.empty("No window was judged in this range.", "Choose a longer range above.")
        return
    final = mature(frame)
    newest = None if final.empty else final.iloc[-1]
    metric_table.figures(key, metric, title, newest)
    if newest is not None:
        st.markdown(f"{of_status(newest['status']).badge} {escape(newest['reason'])}")
    both = view == VIEWS[0] and not estimates.history(key, metric, shown).empty
    st.header(f"{escape(title)}, realised{' and estimated' if both else ''}")
    if view == "By slice":
        apart(key, f"performance.{metric}", title, shown, "slice")
    elif view == "By version":
        apart(key, f"performance.{metric}", title, shown, "version")
    else:
        whole(key, metric, frame, title, shown)
        reliability.section(key, frame, shown)
    if newest is not None:
        every(key, frame, newest, document.task, shown)
    label_delay.section(key, document)


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
