"""Service levels: How much error budget is left, and when is it gone?

icon: speed
order: 5
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Verdict
from monitoring.fleet import Model, Slo, parse_model
from monitoring.store.revisions import Revision
from monitoring.web import (
    cached,
    charts,
    objective_edit,
    objectives,
    pieces,
    revision_history,
    said,
    service_levels,
    timeline,
)
from monitoring.web.access import require
from monitoring.web.clock import ago, now
from monitoring.web.escape import escape
from monitoring.web.look import of_status
from monitoring.web.span import Span, model, span

require("viewer")

YAML = """slos:
  - {sli: latency, threshold_ms: 20, objective: 0.99, period: 30d}
  - {sli: availability, objective: 0.99, period: 30d}
  - {sli: freshness, max_age: 4h, objective: 0.99, period: 30d}
  - {sli: quality, objective: 0.7, period: 30d}"""
COLUMNS = """predictions:
  columns:
    latency_ms: latency_ms
    status: status"""


VIEWS = ("Where they stand", "Change objectives", "History")


def freshness(slo: Slo, found: list[Verdict]) -> bool:
    """Age of the newest prediction against what is allowed; False where it is unknown."""
    verdict = objectives.verdict_of(slo, found, "age_hours")
    if verdict is None or verdict.value is None:
        pieces.empty(
            "The age of the newest prediction is unknown.",
            "The log holds no prediction.",
            "configure/models_and_logs.py",
            "Models and logs",
        )
        return False
    look = of_status(str(verdict.status))
    first, second, _ = st.columns([1, 1, 2])
    first.metric(
        "Age",
        hours_fine(verdict.value),
        delta=look.word,
        delta_color=look.colour,
        delta_arrow="off",
        icon=f":material/{look.icon}:",
        border=True,
    )
    second.metric("Allowed", slo.max_age or "–", delta="at most", delta_color="off", delta_arrow="off", border=True)
    st.markdown(f"{look.badge} {escape(verdict.reason)}")
    return True


def hours_fine(count: float) -> str:
    """An age in words."""
    return f"{count * 60:.0f} min" if count < 2 else f"{count:.1f} h" if count < 48 else f"{count / 24:.1f} d"


def requests(key: str, document: Model, shown: Span) -> None:
    """Latency, requests and errors by hour of the range."""
    st.header("Traffic by hour")
    columns = document.predictions.columns
    traffic = cached.traffic(key, shown.start, shown.end)
    if traffic.empty:
        pieces.empty("No request in this range.", "Choose a longer range above.")
        return
    first, second = st.columns(2)
    with first.container(border=True, height="stretch"):
        st.markdown("**Latency** by hour, in milliseconds")
        latency(key, traffic, document, bool(columns.latency_ms), shown)
    with second.container(border=True, height="stretch"):
        st.markdown("**Requests** and server errors by hour" if columns.status else "**Requests** by hour")
        out = charts.figure(zero=True)
        charts.bars(out, traffic["moment"], traffic["requests"], "requests")
        if columns.status:
            charts.bars(out, traffic["moment"], traffic["errors"], "errors", 9)
        alt = f"{traffic['requests'].sum():,} requests, {traffic['errors'].sum():,} server errors."
        timeline.show(out, alt, "requests", key, shown)
        st.caption(
            f"{traffic['requests'].sum():,} requests, {traffic['errors'].sum():,} server errors."
            if columns.status
            else f"{traffic['requests'].sum():,} requests. Errors are unknown: no `status` is mapped."
        )
    pieces.download(lambda: traffic.to_csv(index=False), f"{key}-traffic", "traffic_csv")


def latency(key: str, traffic: pd.DataFrame, document: Model, mapped: bool, shown: Span) -> None:
    """Quantiles of latency, with the objective's threshold."""
    if not mapped or traffic["p50"].isna().all():
        st.caption(
            "The log has no latency. Map it, with the status, to see how fast and how reliable the model answers:"
        )
        st.code(COLUMNS, language=None)
        return
    out = charts.figure("ms", zero=True)
    for number, name in enumerate(("p50", "p95", "p99")):
        charts.line(
            out, traffic["moment"], traffic[name], name, colour=number, mode="lines", hovertemplate="%{y:.3g} ms"
        )
    for slo in document.slos:
        if slo.sli == "latency":
            charts.threshold(out, slo.threshold_ms, "objective", text=f"objective {slo.threshold_ms:g} ms")
    alt = f"Latency by hour: p99 {traffic['p99'].median():.3g} ms at the median hour."
    timeline.show(out, alt, "latency", key, shown)


def page(key: str, shown: Span) -> None:
    """One of the three views of a model."""
    said.told()
    view = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    changes = service_levels.history(key)
    document = next(e for e in cached.entries() if e.key == key).document
    if view == "History":
        revision_history.show(changes, "objectives")
    elif view == "Change objectives":
        objective_edit.change(document, changes[0].number if changes else 0)
    else:
        standing(key, parse_model(document, key), changes[0] if changes else None, shown)


def standing(key: str, document: Model, changed: Revision | None, shown: Span) -> None:
    """Every objective, and the traffic."""
    entry = next(e for e in cached.fleet(now()) if e.key == key)
    if cached.baseline(key) is None or entry.evaluated_at is None:
        pieces.empty(
            "This model has not been evaluated yet.",
            "See whether its log arrives.",
            "configure/models_and_logs.py",
            "Models and logs",
        )
        return
    if document.chunk.rows is not None:
        pieces.empty(
            "This log has no real time.",
            "Service levels need `timestamp` mapped and a chunk of time in the fleet file.",
        )
        return
    pieces.freshness(entry.evaluated_at)
    found = [v for v in cached.newest(key) if v.check.startswith("slo.")]
    if changed is not None and changed.at > entry.evaluated_at:
        st.info(
            escape(
                f"{changed.author} changed the objectives {ago(changed.at, now())}. They hold from the next evaluation."
            ),
            icon=":material/hourglass_top:",
        )
        found = []
    if not document.slos:
        pieces.empty(
            "This model has no objectives.",
            "Set one above under Change objectives, or say in the fleet file what it promises:",
        )
        st.code(YAML, language=None)
    columns = document.predictions.columns
    for number, slo in enumerate(document.slos):
        st.header(escape(objectives.title(slo)))
        mapped = {"availability": columns.status, "latency": columns.latency_ms}.get(slo.sli, "needs none")
        if not mapped:
            pieces.empty(
                f"No data: the log has no {'status' if slo.sli == 'availability' else 'latency'}.",
                "Map its column in the fleet file:",
            )
            st.code(COLUMNS, language=None)
        elif slo.sli != "freshness" or freshness(slo, found):
            objectives.objective(key, document.slos, number, entry.evaluated_at, found, shown)
    requests(key, document, shown)


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
