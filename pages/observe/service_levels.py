"""Service levels: How much error budget is left, and when is it gone?

icon: speed
order: 5
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Verdict
from monitoring.fleet import Model, Slo, parse_model
from monitoring.store.queries.summaries import ObjectiveState
from monitoring.web import cached, charts, pieces, tables
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, Look, of_status
from monitoring.web.span import Span, model, span

require("viewer")

YAML = """slos:
  - {sli: latency, threshold_ms: 20, objective: 0.99, period: 30d}
  - {sli: availability, objective: 0.99, period: 30d}
  - {sli: freshness, max_age: 4h, objective: 0.99, period: 30d}"""
COLUMNS = """predictions:
  columns:
    latency_ms: latency_ms
    status: status"""
COURSES = ("Budget left", "Good share by hour")


def look_for(name: str) -> Look:
    """The look of a status by its name."""
    return next(look for status, look in STATUSES.items() if str(status) == name)


def percent(share: float) -> str:
    """A share as a percentage, with the digits it has."""
    return f"{share * 100:.6g} %"


def title(slo: Slo) -> str:
    """An objective in words."""
    if slo.sli == "latency":
        return f"Latency: {percent(slo.objective)} of requests within {slo.threshold_ms:g} ms over {slo.period}"
    if slo.sli == "freshness":
        return f"Freshness: a prediction at most {slo.max_age} old"
    return f"Availability: {percent(slo.objective)} of requests answered over {slo.period}"


def objective(key: str, slo: Slo, number: int, at: datetime, found: list[Verdict]) -> None:
    """One objective: where it stands, how fast its budget burns, and its course."""
    verdict = next((v for v in found if v.check == f"slo.{slo.sli}" and v.method == "budget"), None)
    state = cached.objective(key, slo.sli, slo.objective, slo.period, slo.threshold_ms, at)
    if state is None or state.budget.good is None:
        pieces.empty(f"No request in the last {slo.period}.", "The budget is unknown until the log has requests.",
                     "configure/models_and_logs.py", "Models and logs")  # fmt: skip
        return
    look = of_status(str(verdict.status)) if verdict else look_for("no_data")
    left = state.budget.remaining or 0.0
    first, second, third, fourth = st.columns(4)
    first.metric(
        "Budget left", f"{left:.0%}", delta=look.word, delta_color=look.colour, delta_arrow="off", icon=f":material/{look.icon}:",
        border=True, height="stretch", chart_data=[v for v in state.course["left"] if pd.notna(v)] or None,
    )  # fmt: skip
    second.metric("Good share", f"{state.budget.good:.3%}", delta=f"objective {slo.objective:.3%}", delta_color="off", delta_arrow="off",
                  border=True, height="stretch")  # fmt: skip
    third.metric("Bad of all", f"{state.budget.bad:,}", delta=f"of {state.budget.valid:,} in {slo.period}", delta_color="off",
                 delta_arrow="off", border=True, height="stretch")  # fmt: skip
    fourth.metric("Gone in", forecast(state), delta="at the pace of the last 6 h to 3 d", delta_color="off", delta_arrow="off",
                  border=True, height="stretch")  # fmt: skip
    if verdict:
        st.markdown(f"{look.badge} {escape(verdict.reason)}")
    burn_rates(state, found, slo, f"{key}-{slo.sli}-{number}")
    course(state, slo, f"{slo.sli}_{number}")


def forecast(state: ObjectiveState) -> str:
    """When the budget is gone, as a range."""
    if (state.budget.remaining or 0) <= 0:
        return "gone"
    if state.budget.exhausted_in is None:
        return "not burning"
    low, high = (hours(h) for h in state.budget.exhausted_in)
    return low if low == high else f"{low} to {high}"


def hours(count: float) -> str:
    """Hours in words; beyond a quarter it is no forecast."""
    if count > 24 * 90:
        return "> 90 d"
    return f"{count:.0f} h" if count < 48 else f"{count / 24:.0f} d"


def burn_rates(state: ObjectiveState, found: list[Verdict], slo: Slo, key: str) -> None:
    """Every pair of windows."""
    rows = []
    for burn in state.burns:
        status = "no_data" if burn.long is None else "ok" if not burn.firing else "breached" if burn.pair.severity == "page" else "warning"
        rows.append((burn.pair.name, [tables.label(look_for(status))], burn.long, burn.short, burn.factor, burn.pair.severity, burn.reason))
    out = pd.DataFrame(rows, columns=["pair", "status", "long", "short", "factor", "severity", "reason"])
    column = st.column_config
    st.dataframe(
        out, key=f"burns-{key}", hide_index=True, placeholder="–", alt="Burn rates by pair of windows",
        column_config={
            "pair": column.TextColumn("Windows", width=90, help="Both must burn fast for the pair to fire"),
            "status": tables.badges("Status", list(STATUSES.values()), width=125),
            "long": column.NumberColumn("Long burn", format="%.2f×", width=90, help="1× spends the budget in exactly the period"),
            "short": column.NumberColumn("Short burn", format="%.2f×", width=90),
            "factor": column.NumberColumn("Fires at", format="%.2f×", width=80),
            "severity": column.TextColumn("Then", width=70),
            "reason": column.TextColumn("Why"),
        },
    )  # fmt: skip
    st.download_button("Download CSV", lambda: state.course.to_csv(index=False), f"{key}.csv", "text/csv", key=f"csv-{key}",
                       icon=":material/download:", on_click="ignore", help="The course, hour by hour")  # fmt: skip


def course(state: ObjectiveState, slo: Slo, key: str) -> None:
    """Budget left and good share over the period."""
    first, second = st.columns(2)
    with first.container(border=True):
        st.markdown("**Budget left** of the period that ends there")
        out = charts.figure(percent=True, zero=True)
        charts.line(out, state.course["moment"], state.course["left"], "budget left", mode="lines")
        charts.threshold(out, 0.0, "gone", text="gone")
        charts.show(out, f"Error budget of {slo.sli}: {state.budget.remaining:.0%} left.", f"left_{key}")
    with second.container(border=True):
        st.markdown("**Good share** by hour")
        out = charts.figure()
        out.update_yaxes(tickformat=".2%")
        charts.line(out, state.course["moment"], state.course["good"], "good share", mode="lines")
        charts.threshold(out, slo.objective, "objective", text=f"objective {percent(slo.objective)}")
        charts.show(out, f"Good share of {slo.sli} by hour; objective {slo.objective:.3%}.", f"good_{key}")


def freshness(slo: Slo, found: list[Verdict]) -> None:
    """Age of the newest prediction against what is allowed."""
    verdict = next((v for v in found if v.check == "slo.freshness"), None)
    if verdict is None or verdict.value is None:
        pieces.empty("The age of the newest prediction is unknown.", "The log holds no prediction.", "configure/models_and_logs.py",
                     "Models and logs")  # fmt: skip
        return
    look = of_status(str(verdict.status))
    first, second, _ = st.columns([1, 1, 2])
    first.metric("Age", hours_fine(verdict.value), delta=look.word, delta_color=look.colour, delta_arrow="off",
                 icon=f":material/{look.icon}:", border=True)  # fmt: skip
    second.metric("Allowed", slo.max_age or "–", delta="at most", delta_color="off", delta_arrow="off", border=True)
    st.markdown(f"{look.badge} {escape(verdict.reason)}")


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
        latency(traffic, document, bool(columns.latency_ms))
    with second.container(border=True, height="stretch"):
        st.markdown("**Requests** and server errors by hour" if columns.status else "**Requests** by hour")
        out = charts.figure(zero=True)
        charts.bars(out, traffic["moment"], traffic["requests"], "requests")
        if columns.status:
            charts.bars(out, traffic["moment"], traffic["errors"], "errors", 9)
        charts.show(out, f"{traffic['requests'].sum():,} requests, {traffic['errors'].sum():,} server errors.", "requests")
        st.caption(f"{traffic['requests'].sum():,} requests, {traffic['errors'].sum():,} server errors." if columns.status
                   else f"{traffic['requests'].sum():,} requests. Errors are unknown: no `status` is mapped.")  # fmt: skip


def latency(traffic: pd.DataFrame, document: Model, mapped: bool) -> None:
    """Quantiles of latency, with the objective's threshold."""
    if not mapped or traffic["p50"].isna().all():
        st.caption("The log has no latency. Map it, with the status, to see how fast and how reliable the model answers:")
        st.code(COLUMNS, language="yaml")
        return
    out = charts.figure("ms", zero=True)
    for number, name in enumerate(("p50", "p95", "p99")):
        charts.line(out, traffic["moment"], traffic[name], name, colour=number, mode="lines", hovertemplate="%{y:.3g} ms")
    for slo in document.slos:
        if slo.sli == "latency":
            charts.threshold(out, slo.threshold_ms, "objective", text=f"objective {slo.threshold_ms:g} ms")
    charts.show(out, f"Latency by hour: p99 {traffic['p99'].median():.3g} ms at the median hour.", "latency")


def page(key: str, shown: Span) -> None:
    """The page of a model."""
    document = parse_model(next(e for e in cached.entries() if e.key == key).document, key)
    entry = next(e for e in cached.fleet(now()) if e.key == key)
    if cached.baseline(key) is None or entry.evaluated_at is None:
        pieces.empty("This model has not been evaluated yet.", "See whether its log arrives.", "configure/models_and_logs.py", "Models and logs")
        return
    if document.chunk.rows is not None:
        pieces.empty("This log has no real time.", "Service levels need `timestamp` mapped and a chunk of time in the fleet file.")
        return
    pieces.freshness(entry.evaluated_at)
    found = [v for v in cached.newest(key) if v.check.startswith("slo.")]
    if not document.slos:
        pieces.empty("This model has no objectives.", "Say in the fleet file what it promises:")
        st.code(YAML, language="yaml")
    for number, slo in enumerate(document.slos):
        st.header(escape(title(slo)))
        if slo.sli == "freshness":
            freshness(slo, found)
        elif slo.sli == "quality":
            pieces.empty("Quality objectives are not counted yet.", "See the checks of the model's performance.", "observe/performance.py", "Performance")
        else:
            objective(key, slo, number, entry.evaluated_at, found)
    requests(key, document, shown)


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
