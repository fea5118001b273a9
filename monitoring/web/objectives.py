"""One objective of the Service levels page: its budget, its burn rates, and its course."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from monitoring.core.slo import words
from monitoring.core.slo.series import MINUTES
from monitoring.core.slo.windows import period
from monitoring.core.verdict import Verdict
from monitoring.fleet import Slo
from monitoring.store.queries.objectives import ObjectiveState
from monitoring.web import charts, pieces, service_levels, tables, timeline
from monitoring.web.clock import span
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, Look, of_status
from monitoring.web.span import Span


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
        return (
            f"Freshness: a prediction at most {slo.max_age} old, {percent(slo.objective)} of the time over {slo.period}"
        )
    if slo.sli == "quality":
        good = "correct" if slo.tolerance is None else f"within ±{slo.tolerance:g} of their label"
        return f"Quality: {percent(slo.objective)} of predictions {good} over {slo.period}"
    return f"Availability: {percent(slo.objective)} of requests answered over {slo.period}"


def verdict_of(slo: Slo, found: Sequence[Verdict], method: str) -> Verdict | None:
    """The verdict of one objective among those of its model."""
    about = f"slo.{slo.sli}", slo.slug, method
    return next((v for v in found if (v.check, v.column, v.method) == about), None)


def objective(
    key: str, slos: Sequence[Slo], number: int, at: datetime, found: Sequence[Verdict], shown: Span
) -> None:  # fmt: skip
    """One objective: where it stands, how fast its budget burns, and its course."""
    slo = slos[number]
    verdict = verdict_of(slo, found, "budget")
    settled = verdict.window.end if slo.sli == "quality" and verdict else None  # labels come later
    state = service_levels.objective(key, slo, at, shown.start, shown.end, settled)
    if state is None or state.budget.good is None:
        labelled = slo.sli == "quality"
        pieces.empty(
            verdict.reason if labelled and verdict else f"No request in the last {slo.period}.",
            f"The budget is unknown until the log has {'labels' if labelled else 'requests'}.",
            "configure/models_and_logs.py",
            "Models and logs",
        )
        return
    look = of_status(str(verdict.status)) if verdict else look_for("no_data")
    left = state.budget.remaining or 0.0
    first, second, third, fourth, *others = st.columns(4 if state.waits is None else 5)
    first.metric(
        "Budget left",
        f"{left:.0%}",
        delta=look.word,
        delta_color=look.colour,
        delta_arrow="off",
        icon=f":material/{look.icon}:",
        border=True,
        height="stretch",
        chart_data=sparkline(state),
    )
    second.metric(
        "Good share",
        f"{state.budget.good:.3%}",
        delta=f"objective {slo.objective:.3%}",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    timed = slo.sli == "freshness"
    third.metric(
        "Too old" if timed else "Bad of all",
        _time(state.budget.bad) if timed else f"{state.budget.bad:,}",
        delta=f"of {_time(state.budget.valid)}" if timed else f"of {state.budget.valid:,} in {slo.period}",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    end = words.ending(state.budget.lasts, period(slo.period))
    fourth.metric(
        "Gone in",
        "gone" if left <= 0 else end.when,
        delta="nothing is left" if left <= 0 else end.pace,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    if state.waits is not None:
        some = state.waits.labelled and state.waits.remaining is not None
        others[0].metric(
            "Provisional budget left",
            f"{state.waits.remaining:.0%}" if some else "–",
            delta=f"{state.waits.labelled:,} of {state.waits.predictions:,} newer labelled",
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help="With the predictions whose labels are not all there yet, counted as they stand",
        )
    if verdict:
        st.markdown(f"{look.badge} {escape(verdict.reason)}")
    if state.burns:
        burn_rates(state, slo, f"{key}-{slo.sli}-{number}")
    pieces.download(
        lambda: state.course.to_csv(index=False), key, f"csv-{key}-{slo.sli}-{number}", help="The course, hour by hour"
    )
    course(state, slo, f"{slo.sli}_{number}", key, shown)


def _time(slots: int) -> str:
    return "none" if not slots else span(timedelta(minutes=MINUTES * slots))


def sparkline(state: ObjectiveState) -> list[float] | None:
    """The budget left over the range, where it lies in it."""
    found = [float(v) for v in state.course["left"] if pd.notna(v)]
    return found if len(found) > 1 else None


def burn_rates(state: ObjectiveState, slo: Slo, key: str) -> None:
    """Every pair of windows."""
    rows = []
    for burn in state.burns:
        status = (
            "no_data"
            if burn.long is None
            else "ok"
            if not burn.firing
            else "breached"
            if burn.pair.severity == "page"
            else "warning"
        )
        rows.append(
            (
                burn.pair.name,
                [tables.label(look_for(status))],
                burn.long,
                burn.short,
                burn.factor,
                "ticket" if slo.sli == "quality" else burn.pair.severity,
                burn.reason,
            )
        )
    out = pd.DataFrame(rows, columns=["pair", "status", "long", "short", "factor", "severity", "reason"])
    column = st.column_config
    st.dataframe(
        out,
        key=f"burns-{key}",
        hide_index=True,
        placeholder="–",
        alt=f"Burn rates of {slo.sli} by pair of windows",
        column_config={
            "pair": column.TextColumn("Windows", width=90, help="Both must burn fast for the pair to fire"),
            "status": tables.badges("Status", list(STATUSES.values()), width=125),
            "long": column.NumberColumn(
                "Long burn", format="%.2f×", width=90, help="1× spends the budget in exactly the period"
            ),
            "short": column.NumberColumn("Short burn", format="%.2f×", width=90),
            "factor": column.NumberColumn("Fires at", format="%.2f×", width=80),
            "severity": column.TextColumn("Then", width=70),
            "reason": column.TextColumn("Why"),
        },
    )


def course(state: ObjectiveState, slo: Slo, name: str, key: str, shown: Span) -> None:
    """Budget left and good share over the period, as far as they lie in the range."""
    first, second = st.columns(2)
    with first.container(border=True):
        st.markdown("**Budget left** of the period that ends there")
        out = charts.figure(percent=True, zero=True)
        charts.line(
            out, state.course["moment"], state.course["left"], "budget left", mode="lines", hovertemplate="%{y:.1%}"
        )
        if "waiting" in state.course:
            charts.line(
                out, state.course["moment"], state.course["waiting"], "provisional", dash="dot", mode="lines",
                hovertemplate="%{y:.1%}",
            )  # fmt: skip
        charts.threshold(out, 0.0, "gone", text="gone")
        alt = f"Error budget of {slo.sli}: {state.budget.remaining:.0%} left."
        timeline.show(out, alt, f"left_{name}", key, shown)
    with second.container(border=True):
        st.markdown("**Good share** by hour")
        out = charts.figure()
        out.update_yaxes(tickformat=".2%")
        charts.line(
            out, state.course["moment"], state.course["good"], "good share", mode="markers", hovertemplate="%{y:.2%}"
        )
        charts.threshold(out, slo.objective, "objective", text=f"objective {percent(slo.objective)}")
        alt = f"Good share of {slo.sli} by hour; objective {slo.objective:.3%}."
        timeline.show(out, alt, f"good_{name}", key, shown)
