"""Performance: Is it degrading, on which slice?

icon: trending_down
order: 4
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.fleet import Model, parse_model
from monitoring.store.queries.performance import mature
from monitoring.web import cached, charts, clock, courses, evidence, pieces, tables
from monitoring.web.access import require
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, of_status
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
    found = {v.check: v.threshold is not None for v in cached.newest(key) if v.check.startswith("performance.") and not v.slice}
    own = [t.check for t in document_of(key).thresholds if t.check in found]
    names = dict.fromkeys([*own, *sorted(found, key=lambda name: not found[name])])
    return [name.removeprefix("performance.") for name in names]


def figures(key: str, metric: str, title: str, newest: pd.Series | None) -> None:
    """The row of four, of the newest mature window."""
    first, second, third, fourth = st.columns(4)
    reference = cached.reference(key, metric)
    labels = None if newest is None else cached.labels(key, *_window(newest))
    with first:
        value(title, newest)
    with second:
        interval = "" if reference is None or reference.lower is None else f"{reference.lower:.4g} to {reference.upper:.4g}"
        shown = "–" if reference is None or reference.value is None else f"{reference.value:.4g}"
        st.metric("In the reference", shown, delta=interval or "no label there", delta_color="off", delta_arrow="off", border=True,
                  height="stretch")  # fmt: skip
    with third:
        share = "–" if labels is None or labels.share is None else f"{labels.share:.0%}"
        words = "no mature window" if labels is None else "of the newest mature window"
        st.metric("Label completeness", share, delta=words, delta_color="off", delta_arrow="off", border=True, height="stretch")
    with fourth:
        rows = "–" if labels is None else f"{labels.labelled:,}"
        words = "no mature window" if labels is None else f"of {labels.rows:,} rows in the window"
        st.metric("Labelled rows", rows, delta=words, delta_color="off", delta_arrow="off", border=True, height="stretch")


def value(title: str, newest: pd.Series | None) -> None:
    """The newest mature value, with its interval and status."""
    if newest is None or pd.isna(newest["value"]):
        look = STATUSES[next(s for s in STATUSES if str(s) == "no_data")]
        st.metric(title, "–", delta=look.word, delta_color=look.colour, delta_arrow="off", icon=f":material/{look.icon}:", border=True,
                  height="stretch")  # fmt: skip
        return
    held = not pd.isna(newest["threshold"])
    look = of_status(newest["status"])
    interval = "" if pd.isna(newest["lower"]) else f"{newest['lower']:.4g} to {newest['upper']:.4g}"
    st.metric(
        title, f"{newest['value']:.4g}", delta=look.word if held else "no threshold", delta_color=look.colour if held else "off",
        delta_arrow="off", delta_description=interval, icon=f":material/{look.icon}:" if held else None, border=True, height="stretch",
    )  # fmt: skip


def _window(row: pd.Series) -> tuple[Any, Any, int | None]:
    times = (None if pd.isna(row[c]) else row[c].to_pydatetime() for c in ("window_start", "window_end"))
    return (*times, None if pd.isna(row["chunk"]) else int(row["chunk"]))  # type: ignore[return-value]


def whole(key: str, metric: str, frame: pd.DataFrame, title: str, shown: Span) -> None:
    """The metric over the range, drift below on the same axis."""
    with st.container(border=True):
        reference = cached.reference(key, metric)
        drift = cached.history(key, "drift", shown.start, shown.end)
        out = courses.metric(frame, title, drift, reference.value if reference else None)
        judged = mature(frame)
        bad = int((judged["status"] == "breached").sum())
        alt = f"{title} over the {shown.words}: {bad} of {len(judged)} mature windows breached."
        charts.show(out, alt, "performance_course")
        st.caption(escape(f"{courses.thresholds(frame)} Hollow points on a dotted line are provisional: labels are still to come."))


def apart(key: str, check: str, title: str, shown: Span, by: str) -> None:
    """The metric slice by slice, or version by version, worst first."""
    kwargs: dict[str, Any] = {"slice_": None} if by == "slice" else {"slice_": "", "version": None}
    frame = cached.history(key, check, shown.start, shown.end, **kwargs)
    frame = frame[frame[by] != ""]
    if mature(frame).empty:
        step = {"slice": "Map the columns to slice by as `slices` in the fleet file.", "version": "Map `version` in the fleet file; "
                "versions are told apart once the log holds two of them."}[by]  # fmt: skip
        pieces.empty(f"There is nothing to show by {by} in this range.", step)
        return
    newest = courses.worst_first(mature(frame), by)
    with st.container(border=True):
        out = courses.apart(frame, by, list(newest[by]))
        alt = f"{title} by {by}; {newest[by].iloc[0]} is worst: {newest['reason'].iloc[0]}"
        charts.show(out, alt, f"performance_{by}")
        if len(newest) > courses.LINES:
            st.caption(f"The {courses.LINES} worst of {len(newest)} are drawn; the table has them all.")
    _table(newest.assign(name=newest[by]), by.capitalize(), f"{key}-{by}")


def every(key: str, frame: pd.DataFrame, newest: pd.Series, task: str, shown: Span) -> None:
    """All metrics of the newest mature window."""
    st.header("All metrics")
    found = cached.history(key, "performance.%", shown.start, shown.end)
    same = found[(found["window_start"] == newest["window_start"]) | (found["chunk"] == newest["chunk"])]
    st.caption(escape(f"Newest mature window: {clock.window(*_window(newest))}."))
    names = [evidence.title(check.removeprefix("performance."), task) for check in same["check"]]
    _table(same.assign(name=names), "Metric", f"{key}-metrics")


def _table(frame: pd.DataFrame, title: str, file: str) -> None:
    held = frame["threshold"].notna()
    status = [[tables.label(of_status(s))] if h or s != "ok" else [] for s, h in zip(frame["status"], held, strict=True)]
    windows = [clock.window(*_window(row)) for _, row in frame.iterrows()]
    column = st.column_config
    st.dataframe(
        frame.assign(held=status, when=windows)[["name", "held", "value", "lower", "upper", "threshold", "n", "when", "reason"]],
        key=f"{file}-table", hide_index=True, height=tables.height(len(frame)), placeholder="–", alt=f"{title}, newest mature values",
        column_config={
            "name": column.TextColumn(title, pinned=True, width=170),
            "held": tables.badges("Status", list(STATUSES.values()), width=125, help="Of metrics with a threshold"),
            "value": column.NumberColumn("Value", format="%.4g", width=80),
            "lower": column.NumberColumn("From", format="%.4g", width=80, help="95 % interval"),
            "upper": column.NumberColumn("To", format="%.4g", width=80, help="95 % interval"),
            "threshold": column.NumberColumn("Threshold", format="%.4g", width=90),
            "n": column.NumberColumn("n", format="localized", width=75, help="Labelled rows"),
            "when": column.TextColumn("Window (UTC)", width=190),
            "reason": column.TextColumn("Why", width=420),
        },
    )  # fmt: skip
    st.download_button("Download CSV", lambda: frame.drop(columns=["flag"]).to_csv(index=False), f"{file}.csv", "text/csv",
                       key=f"{file}-csv", icon=":material/download:", on_click="ignore")  # fmt: skip


def nothing(key: str) -> None:
    """Why there is no metric, and what to do about it."""
    if cached.baseline(key) is None:
        pieces.empty("This model has not been evaluated yet.", "See whether its log arrives.", "configure/models_and_logs.py", "Models and logs")
        return
    document = document_of(key)
    if document.labels is None and document.predictions.columns.label is None:
        pieces.empty("This model has no labels.", "Realised performance needs the outcomes. Add them to the model in the fleet file:")
        st.code(YAML, language="yaml")
        return
    pieces.empty("No label has arrived yet.", "Labels are joined by `id`; see whether their log arrives.", "configure/models_and_logs.py",
                 "Models and logs")  # fmt: skip


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
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params",
                                    label_visibility="collapsed")  # fmt: skip
    title = evidence.title(metric, document.task)
    frame = cached.history(key, f"performance.{metric}", shown.start, shown.end)
    if frame.empty:
        pieces.empty("No window was judged in this range.", "Choose a longer range above.")
        return
    final = mature(frame)
    newest = None if final.empty else final.iloc[-1]
    figures(key, metric, title, newest)
    if newest is not None:
        st.markdown(f"{of_status(newest['status']).badge} {escape(newest['reason'])}")
    st.header(f"{escape(title)}, realised")
    if view == "By slice":
        apart(key, f"performance.{metric}", title, shown, "slice")
    elif view == "By version":
        apart(key, f"performance.{metric}", title, shown, "version")
    else:
        whole(key, metric, frame, title, shown)
    if newest is not None:
        every(key, frame, newest, document.task, shown)


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
