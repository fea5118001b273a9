"""Champion against challenger on the same rows: asked of the worker, its verdict, gates, and the evidence so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.comparison.comparison import Comparison, Outcome, Sequential, Verdict, as_document
from monitoring.core.comparison.words import changed, e_value, interval, rows, sentence, so_far
from monitoring.core.verdict import Status
from monitoring.store.queries.comparisons import KIND, Made
from monitoring.web import cached, charts, pieces, tables
from monitoring.web.clock import ago, now, stamp
from monitoring.web.escape import escape, plain
from monitoring.web.look import STATUSES
from monitoring.web.span import Span

VERDICTS = {
    Verdict.BETTER: replace(STATUSES[Status.OK], word="Better", icon="trending_up"),
    Verdict.EQUAL: replace(STATUSES[Status.NO_DATA], word="Equal", icon="equal"),
    Verdict.WORSE: replace(STATUSES[Status.BREACHED], word="Worse", icon="trending_down"),
    Verdict.UNSURE: replace(STATUSES[Status.NO_DATA], word="Not certain", icon="balance"),
}
OUTCOMES = {
    Outcome.PASSED: replace(STATUSES[Status.OK], word="passed"),
    Outcome.FAILED: replace(STATUSES[Status.BREACHED], word="failed"),
    Outcome.UNKNOWN: replace(STATUSES[Status.NO_DATA], word="not certain"),
}
GATES = {"rows": "Rows", "slices": "Slices", "latency": "Latency", "calibration": "Calibration"}
BROKEN = replace(STATUSES[Status.BREACHED], word="Unreadable", icon="report")


def section(key: str, arguments: dict[str, Any], shown: Span) -> None:
    """Ask for a comparison, and show one that was made."""
    with st.container(border=True):
        words, action = st.columns([3, 1], vertical_alignment="center")
        words.markdown(
            escape(
                f"Reads the log rows of both versions over the {shown.words} and pairs them, so that what differs is "
                "the version alone. Choose a range after the training of both: no version is judged by rows it knows."
            )
        )
        with action.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                "Compare now", icon=":material/balance:", key="compare", on_click=_asked, args=(key, arguments)
            )  # fmt: skip
        pieces.progress(key, KIND)
        asked = [w for w in cached.work(key) if w.kind == KIND]
        under_way = any(w.state in ("waiting", "running") for w in asked)
        if under_way:
            st.fragment(_watch, run_every=2)(key, len(cached.comparisons(key)))
    made = cached.comparisons(key)
    if not made and under_way:
        return
    if not made:
        pieces.empty("No comparison was made yet.", "Choose two versions above, and press Compare now.")
        return
    one = made[_chosen(made, arguments)]
    if one.content is None:
        st.markdown(f"{BROKEN.badge} {escape(one.error)}")
        return
    _told(key, one, one.content)


def _asked(key: str, arguments: dict[str, Any]) -> None:
    if pieces.ask(KIND, key, arguments):
        st.toast("The worker was asked to compare.", icon=":material/check_circle:")
    else:
        st.toast("It is asked for already: the worker has not finished yet.", icon=":material/hourglass_empty:")


def _watch(key: str, before: int) -> None:
    """Run the page again when a comparison is done, or has failed."""
    open_ = any(w.kind == KIND and w.state in ("waiting", "running") for w in cached.work(key))
    if not open_ or len(cached.comparisons(key)) != before:
        st.rerun()


def _chosen(made: Sequence[Made], arguments: dict[str, Any]) -> int:
    """Which one is shown: the newest, first of the versions that are chosen."""
    if len(made) == 1:
        return 0
    pair = ("champion", "challenger")
    names = [
        f"{one.arguments.get('challenger') or 'all'} against {one.arguments.get('champion') or 'all'}, {stamp(one.at)}"
        for one in made
    ]
    same = [n for n, one in enumerate(made) if all(one.arguments.get(p) == arguments.get(p) for p in pair)]
    number = st.selectbox(
        "Comparison", range(len(made)), index=same[0] if same else 0, format_func=names.__getitem__, width=460,
        key=f"comparison {made[0].id} {arguments.get('champion')} {arguments.get('challenger')}",
    )  # fmt: skip
    return number or 0


def _told(key: str, made: Made, found: Comparison) -> None:
    with st.container(border=True):
        st.markdown(f"{VERDICTS[found.verdict].badge} **{escape(sentence(found))}**")
        for gate in found.gates:
            st.markdown(f"{OUTCOMES[gate.outcome].badge} **{GATES[gate.name]}**: {escape(gate.words)}.")
        for note in found.notes:
            st.markdown(f":material/info: {escape(note)}")
        about = found.about
        span = f"{stamp(about.first)} to {stamp(about.last)}"
        st.caption(
            escape(
                f"{rows(found)}, predicted {span}, labels known by {stamp(about.as_of)}. Asked by {made.actor}, made "
                f"{ago(made.at, now())}. Intervals are of 95 %, days drawn whole."
            )
        )
        pieces.download_json(
            lambda: json.dumps(as_document(found), indent=1), f"{key}-comparison-{made.id}", "comparison_json"
        )
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _gains(found)
    with right.container(border=True, height="stretch"):
        _slices(found)
    _sequential(found.sequential)


def _gains(found: Comparison) -> None:
    """Every metric, from what to what."""
    st.markdown("**Metrics, paired**" if found.about.pairing != "none" else "**Metrics, not paired**")
    frame = pd.DataFrame(
        [(f.title, f.champion, f.challenger, _change(f), _side(f)) for f in found.figures],
        columns=["metric", "champion", "challenger", "change", "side"],
    )
    column = st.column_config
    about = found.about
    st.dataframe(
        frame, key="gains", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} metrics: {changed(found.main)}",
        column_config={
            "metric": column.TextColumn("Metric", pinned=True, width=150),
            "champion": column.NumberColumn(about.champion, format="%.4g", width=85),
            "challenger": column.NumberColumn(about.challenger, format="%.4g", width=85),
            "change": column.TextColumn("Change (95 %)", width=190),
            "side": column.TextColumn("For", width=90, help="Whether the change is beyond chance, and for whom"),
        },
    )  # fmt: skip
    st.caption(f"{escape(found.main.title)} decides: {escape(found.main.method)}; the others by bootstrap of days.")


def _change(figure: Any) -> str | None:
    if figure.change is None:
        return None
    value, lower, upper = interval(figure.change.value, figure.change.lower, figure.change.upper)
    return f"{value} ({lower} to {upper})"


def _side(figure: Any) -> str | None:
    gain = figure.gain
    if gain is None:
        return None
    return "challenger" if gain.lower > 0 else "champion" if gain.upper < 0 else "neither"


def _slices(found: Comparison) -> None:
    unit = f", {found.main.unit}" if found.main.unit else ""
    st.markdown(f"**Gain in {escape(found.main.title)} by slice**")
    judged = [s for s in found.slices if s.gain is not None]
    if not judged:
        st.caption("No slice has enough labelled rows. Slices are mapped as `slices` in the fleet file.")
        return
    out = charts.figure(height=max(charts.HEIGHT, 60 + 26 * len(judged)))
    for one in judged:
        better = one.lower is not None and one.lower > 0
        look = VERDICTS[Verdict.WORSE if one.worse else Verdict.BETTER if better else Verdict.UNSURE]
        charts.dots(out, [(one.name, one.gain or 0.0, one.lower, one.upper)], one.name, look=charts.shade(look))
    out.update_xaxes(zeroline=True, zerolinewidth=2, title=plain(f"gain of the challenger{unit}"))
    worse = [s.name for s in judged if s.worse]
    words = f"worse: {', '.join(worse)}" if worse else "none is certainly worse"
    charts.show(out, f"Gain by slice; {words}.", "slice_gains")
    st.caption(
        f"Right of zero the challenger is better. The intervals of all {len(judged)} hold together with 95 %; red is "
        "certainly worse by more than two margins."
    )


def _sequential(found: Sequential) -> None:
    st.header("Evidence so far")
    with st.container(border=True):
        look = {"better": VERDICTS[Verdict.BETTER], "worse": VERDICTS[Verdict.WORSE]}.get(
            found.declared, VERDICTS[Verdict.UNSURE]
        )
        st.markdown(f"{look.badge} **{escape(so_far(found))}**")
        if found.course:
            left, right = st.columns(2)
            with left:
                _course(found)
            with right:
                _evidence(found)
        st.caption(
            escape(
                "It may be looked at at any time, and stopped at any time: the chance that it ever declares something "
                f"false is 5 %. A gain is the {found.words}."
            )
        )


def _course(found: Sequential) -> None:
    at = [s.at for s in found.course]
    out = charts.figure(f"mean gain of a day{f', {plain(found.unit)}' if found.unit else ''}")
    charts.band(out, at, [s.lower for s in found.course], [s.upper for s in found.course], "95 %, at any time")
    charts.line(out, at, [s.gain for s in found.course], "mean gain")
    out.update_yaxes(zeroline=True, zerolinewidth=2)
    last = found.course[-1]
    charts.show(
        out, f"Mean gain so far {last.gain:+.3g}, between {last.lower:+.3g} and {last.upper:+.3g}.", "gain_course"
    )


def _evidence(found: Sequential) -> None:
    at = [s.at for s in found.course]
    out = charts.figure("evidence (e-value)")
    for number, (name, logs) in enumerate(
        (("better", [s.log_e_better for s in found.course]), ("worse", [s.log_e_worse for s in found.course]))
    ):
        charts.line(
            out, at, [10 ** min(log, 300.0) for log in logs], name, colour=number, dash=("solid", "dash")[number]
        )
    out.update_yaxes(type="log", dtick=1)
    out.add_trace(
        go.Scatter(
            x=[at[0], at[-1]], y=[found.needed] * 2, mode="lines", name=f"needed {found.needed:g}", hoverinfo="skip",
            line=dict(width=1, dash="dot", color=charts.quiet()),
        )
    )  # fmt: skip
    last = found.course[-1]
    words = f"Evidence {e_value(last.log_e_better)} for better and {e_value(last.log_e_worse)} for worse."
    charts.show(out, f"{words} {found.needed:g} is needed.", "evidence_course")
