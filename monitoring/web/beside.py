"""Two versions side by side, from summaries: what they scored, how they answered, how fast, and on which slices."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd
import streamlit as st

from monitoring.core.performance.metric import Z95, Estimate, Metric, get, metrics_for
from monitoring.stattests.registry import all_stattests
from monitoring.stattests.registry import get as stattest
from monitoring.store.queries.beside import Beside
from monitoring.store.queries.summaries import Distribution
from monitoring.web import cached, charts, distributions, pieces, tables
from monitoring.web.clock import window
from monitoring.web.escape import escape
from monitoring.web.span import Span

COLOURS: dict[str, Literal["normal", "inverse", "off"]] = {
    "higher": "normal",
    "lower": "inverse",
    "zero": "off",
    "one": "off",
}
TESTS = ("total_variation", "ks", "psi", "jensen_shannon", "wasserstein", "chi_square")
"""The drift tests that are shown, where they fit the column."""


def section(key: str, task: str, main: str, first: str, second: str, shown: Span) -> None:
    """Everything about both over the range."""
    found = cached.beside(key, first, second, shown.start, shown.end, main)
    if found is None:
        pieces.empty(
            f"Not both of {first} and {second} answered in this range.",
            "Choose a longer range above, or another version.",
        )
        return
    days = f"the {found.days[0]:,} days that both answered on"
    if not found.common:
        days = f"{found.days[0]:,} days of {first} and {found.days[1]:,} of {second}, hardly any of them in common: "
        days += "what differs may be the time and not the version"
    st.caption(escape(f"{window(found.start, found.end)}, over {days}. From summaries, in whole days (UTC)."))
    _figures(found, task, main)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _slices(found, task, main)
    with right.container(border=True, height="stretch"):
        _predictions(found)
    _metrics(found, key, task)


def _figures(found: Beside, task: str, main: str) -> None:
    first, second = found.first, found.second
    metric = get(main, task)
    cells = st.columns(4)
    a, b = (v.metrics.get(main) for v in (first, second))
    with cells[0]:
        _figure(metric.title, b, a, metric, first.version)
    with cells[1]:
        moved = _moved(found.predictions[0]) if found.predictions else None
        st.metric(
            "Predictions differ by", "–" if moved is None else f"{moved[1]:.3f}",
            delta="not logged" if moved is None else moved[0], delta_color="off", delta_arrow="off", border=True,
            height="stretch", help="How far apart the distributions of both answers lie, from 0 to 1",
        )  # fmt: skip
    with cells[2]:
        _latency(first.version, first.latency.get(0.99), second.latency.get(0.99))
    with cells[3]:
        st.metric(
            "Rows", f"{second.rows:,}", delta=escape(f"{first.rows:,} of {first.version}"), delta_color="off",
            delta_arrow="off", border=True, height="stretch",
        )  # fmt: skip


def _figure(title: str, value: Estimate | None, other: Estimate | None, metric: Metric, name: str) -> None:
    if value is None or value.value is None:
        st.metric(title, "–", delta="no labels", delta_color="off", delta_arrow="off", border=True, height="stretch")
        return
    if other is None or other.value is None:
        words, colour = f"no labels of {escape(name)}", COLOURS["zero"]
    else:
        words = f"{value.value - other.value:+.3g} against {escape(name)}"  # a sign that is escaped is none
        colour = COLOURS[metric.better]
    st.metric(
        title, f"{value.value:.4g}", delta=words, delta_color=colour, border=True, height="stretch",
        delta_description=f"95 % {value.lower:.4g} to {value.upper:.4g}" if value.lower is not None else None,
    )  # fmt: skip


def _latency(name: str, of: float | None, to: float | None) -> None:
    title, look = "Latency, 99 % within", dict(border=True, height="stretch")
    if not of or to is None:
        value = "–" if to is None else f"{to:.3g} ms"
        st.metric(title, value, delta="not logged of both", delta_color="off", delta_arrow="off", **look)  # type: ignore[arg-type]
        return
    words = f"{to / of - 1:+.0%} against {escape(name)}"
    st.metric(title, f"{to:.3g} ms", delta=words, delta_color="inverse", **look)  # type: ignore[arg-type]


def _metrics(found: Beside, key: str, task: str) -> None:
    first, second = found.first, found.second
    rows = []
    for metric in metrics_for(task):
        a, b = (v.metrics.get(metric.name) for v in (first, second))
        if a is None or b is None or (a.value is None and b.value is None):
            continue
        rows.append((metric.title, a.value, _ends(a), b.value, _ends(b), _change(a, b)))
    if not rows:
        pieces.empty("No label has arrived for both.", "Quality cannot be compared until labels come.")
        return
    frame = pd.DataFrame(rows, columns=["metric", "first", "first_ends", "second", "second_ends", "change"])
    column = st.column_config
    st.dataframe(
        frame, key="beside", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"Metrics of {first.version} and {second.version}",
        column_config={
            "metric": column.TextColumn("Metric", pinned=True, width=190),
            "first": column.NumberColumn(first.version, format="%.4g", width=110),
            "first_ends": column.TextColumn("95 %", width=140),
            "second": column.NumberColumn(second.version, format="%.4g", width=110),
            "second_ends": column.TextColumn("95 %", width=140),
            "change": column.TextColumn("Difference (95 %)", width=220, help="Taken as if the two had other rows"),
        },
    )  # fmt: skip
    pieces.download(lambda: frame.to_csv(index=False), f"{key}-versions", "beside_csv")


def _ends(one: Estimate) -> str | None:
    return None if one.lower is None else f"{one.lower:.4g} to {one.upper:.4g}"


def _change(a: Estimate, b: Estimate) -> str | None:
    """The difference of two independent figures."""
    if a.value is None or b.value is None:
        return None
    half = Z95 * math.hypot(a.error, b.error)
    value = b.value - a.value
    return f"{value:+.3g}" if not math.isfinite(half) else f"{value:+.3g} ({value - half:+.3g} to {value + half:+.3g})"


def _slices(found: Beside, task: str, main: str) -> None:
    title = get(main, task).title
    st.markdown(f"**{escape(title)} by slice**")
    both = [name for name in found.first.slices if name in found.second.slices]
    drawn = charts.figure(height=max(charts.HEIGHT, 60 + 44 * len(both)))
    count = 0
    for number, version in enumerate((found.first, found.second)):
        estimates = [(name, version.slices[name]) for name in both]
        known = [(n, e.value, e.lower, e.upper) for n, e in estimates if e.value is not None]
        count = max(count, len(known))
        charts.dots(drawn, known, version.version, number)
    if count == 0:
        st.caption("No slice has labels of both. Slices are mapped as `slices` in the fleet file.")
        return
    charts.show(drawn, f"{title} of {found.first.version} and {found.second.version} by slice", "beside_slices")


def _predictions(found: Beside) -> None:
    if not found.predictions:
        st.caption("No predictions are summarised.")
        return
    shown = found.predictions[0]
    st.markdown(f"**How both answered** ({escape(shown.column)})")
    drawn = distributions.overlaid(shown, (found.first.version, found.second.version))
    if drawn is not None:
        charts.show(drawn[0], f"How {found.first.version} and {found.second.version} answered", "beside_answers")
        st.caption(drawn[1] or "All rows are drawn.")
    st.caption(escape(" · ".join(_tests(shown))))


def _moved(shown: Distribution) -> tuple[str, float] | None:
    if shown.binned.n_reference == 0 or shown.binned.n_current == 0:
        return None
    test = stattest("ks" if shown.kind == "numeric" else "total_variation")
    result = test.run(shown.binned)
    return f"{test.title} of {shown.column}", result.statistic


def _tests(shown: Distribution) -> list[str]:
    """Each test's statistic, with its p-value where it has one."""
    out = []
    for test in all_stattests():
        if test.name not in TESTS or shown.kind not in test.kinds:
            continue
        result = test.run(shown.binned)
        chance = (
            "" if result.p_value is None else f", p {result.p_value:.2g}" if result.p_value > 0.001 else ", p < 0.001"
        )
        out.append(f"{test.title} {result.statistic:.3g}{chance}")
    return out
