"""Why it fell, on the Model page: what to do, where the drop comes from, and the slices and features behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.diagnosis.diagnosis import Advice, Attempt, Diagnosis
from monitoring.core.diagnosis.interval import Interval
from monitoring.core.diagnosis.words import cause, sentence, signed
from monitoring.core.window import Slots, moment_of
from monitoring.store.queries.fleet import FleetEntry
from monitoring.web import cached, charts, evidence, pieces, tables
from monitoring.web.clock import ago, now, window
from monitoring.web.escape import escape, plain
from monitoring.web.look import STATUSES, Look
from monitoring.web.menu import PAGES

_RED, _ORANGE, _BLUE, _GRAY = (STATUSES[s] for s in ("breached", "warning", "ok", "no_data"))  # type: ignore[index]
ADVICE = {
    Advice.RETRAIN: Look("Retrain", "model_training", "red", _RED.light, _RED.dark),
    Advice.MEND: Look("Mend the data first", "build", "red", _RED.light, _RED.dark),
    Advice.HARDER: Look("Retraining will not help", "do_not_disturb_on", "orange", _ORANGE.light, _ORANGE.dark),
    Advice.SOUND: Look("No worse", "check_circle", "blue", _BLUE.light, _BLUE.dark),
    Advice.UNSURE: Look("Undecided", "balance", "gray", _GRAY.light, _GRAY.dark),
    Advice.UNTRIED: Look("Could not be tried", "help", "gray", _GRAY.light, _GRAY.dark),
}
FAILED = Look("Not diagnosed", "report", "red", _RED.light, _RED.dark)
RISES = {
    "roc_auc": "Share of rows of the other class on the wrong side of a row's score: their mean is 1 - ROC AUC.",
    "accuracy": "Share of wrong answers.",
    "rmse": "Mean squared error.",
}
"""What a slice's loss is, where it is not the metric itself."""


def section(entry: FleetEntry, document: dict[str, Any]) -> None:
    """The newest diagnosis, or what there is to say without one."""
    st.header("Why it fell")
    labels = document.get("labels") or document.get("predictions", {}).get("columns", {}).get("label")
    if not labels:
        st.caption("No label is mapped, so nobody can say whether performance fell.")
        return
    found = cached.diagnoses(entry.key)
    with st.container(border=True):
        choice, action = st.columns([3, 1], vertical_alignment="bottom")
        with action.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                "Diagnose now", icon=":material/troubleshoot:", on_click=_asked, args=(entry.key,), key="diagnose"
            )
        pieces.progress(entry.key, "diagnose")
        if not found:
            choice.markdown(":material/info: **Nothing has been diagnosed.**")
            st.caption(
                "That takes two of the last three mature windows beyond a metric's threshold. Diagnose now looks at "
                "the newest windows all the same."
            )
            return
        if len(found) == 1:
            shown, head = found[0], choice
        else:
            shown, head = found[_chosen(choice, found)], st.container()
        if shown.content is None:
            head.markdown(f"{FAILED.badge} {escape(shown.error)}")
            st.caption(
                escape(
                    f"Windows {_window(shown)}, tried {ago(shown.made_at, now())}. "
                    "The flag goes by the breach alone until they can be diagnosed."
                )
            )
        else:
            head.markdown(f"{ADVICE[shown.content.advice].badge} **{escape(sentence(shown.content))}**")
            _told(entry, shown, shown.content)
        _links(shown)


def _chosen(place: Any, found: list[Attempt]) -> int:
    names = [f"{_window(one)}, made {one.made_at:%Y-%m-%d %H:%M}" for one in found]
    number = place.selectbox(
        "Diagnosis", range(len(found)), format_func=names.__getitem__, key="diagnosis",
        help="Its windows, and when it was made (UTC)",
    )  # fmt: skip
    return number or 0


def _asked(key: str) -> None:
    if pieces.ask("diagnose", key, {}):
        st.toast("The worker was asked to diagnose this model.", icon=":material/check_circle:")
    else:
        st.toast("It is asked for already: the worker has not finished yet.", icon=":material/hourglass_empty:")


def _told(entry: FleetEntry, shown: Attempt, found: Diagnosis) -> None:
    if words := cause(found):
        st.markdown(escape(words))
    for one in found.broken:
        st.markdown(f":material/build: **{escape(one.feature)}** {escape(one.words)}.")
    for note in found.notes:
        st.markdown(f":material/info: {escape(note)}")
    _figures(found)
    changes = _changes(found)
    if changes:
        _forest(found, changes)
    _slices(entry.key, found)
    _moved(found)
    about = found.about
    made = "by an evaluation" if shown.automatic else "on request"
    st.caption(
        escape(
            f"{_check(entry, shown)} in {_window(shown)}, judged by {about.metric.title} of {about.now.used:,} of "
            f"{about.now.of:,} labelled rows, against {about.reference.used:,} of {about.reference.of:,} of the "
            "reference. "
            f"Diagnosed {made} {ago(shown.made_at, now())}. Intervals are of 95 %, days drawn whole."
        )
    )


def _figures(found: Diagnosis) -> None:
    title, done = found.about.metric.title, found.retraining
    unit = f" {found.about.unit}" if found.about.unit and found.about.metric.in_unit else ""
    cells = [
        (f"{title} in the reference", found.then, "all its labelled rows"),
        (f"{title} in these windows", found.level, "the model in service"),
    ]
    if done.change is not None:
        cells.append((f"{title} if retrained", done.after, f"a challenger on {done.scored:,} of these rows"))
    if found.unsupported is not None:
        cells.append(("Rows unlike the reference", found.unsupported, "for them the split is a guess"))
    for place, (name, value, words) in zip(st.columns(len(cells)), cells, strict=True):
        text = "–" if value is None else f"{value:.0%}" if name.startswith("Rows") else f"{value:.3g}{unit}"
        place.metric(escape(name), text, border=True, height="stretch", delta=None, help=escape(words))


def _changes(found: Diagnosis) -> list[tuple[str, Interval]]:
    """What is drawn, from top to bottom."""
    out: list[tuple[str, Interval | None]] = []
    if (split := found.split) is not None:
        out += [
            ("Since the reference", split.change),
            ("inputs' shift", split.shift),
            ("left (concept)", split.concept),
        ]
    done = found.retraining
    out += [("Retrained", done.change), ("newer rows", done.newer), ("other learner", done.learner)]
    return [(name, figure) for name, figure in out if figure is not None]


def _forest(found: Diagnosis, changes: list[tuple[str, Interval]]) -> None:
    """A point with its interval a change; where it holds zero it is grey."""
    about = found.about
    unit = f", {plain(about.unit)}" if about.unit and about.metric.in_unit else ""
    out = charts.figure(height=70 + 34 * len(changes))
    for name, figure in changes:
        gain = figure.times(about.metric.sign)
        look = _BLUE if gain.lower > 0 else _RED if gain.upper < 0 else _GRAY
        out.add_trace(
            go.Scatter(
                x=[figure.value], y=[name], mode="markers", marker=dict(size=9, color=charts.shade(look)), name=name,
                error_x=dict(array=[figure.half], color=charts.shade(look), thickness=2, width=5),
                hovertemplate=f"{plain(signed(about, figure))}<extra>{name}</extra>",
            )
        )  # fmt: skip
    out.update_layout(hovermode="closest", margin=dict(l=8, r=16, t=8, b=8))
    out.update_yaxes(autorange="reversed", automargin=True, title=None)
    out.update_xaxes(zeroline=True, zerolinewidth=2, title=f"Change of {about.metric.title}{unit}")
    charts.show(out, "; ".join(f"{name} {signed(about, figure)}" for name, figure in changes) + ".", "why_it_fell")
    worse, better = ("left", "right") if about.metric.better == "higher" else ("right", "left")
    st.caption(
        f"Of zero, {better} is better and {worse} is worse. Above: the change from the reference, and its two parts. "
        "Below: what a challenger changes on the same rows, what newer rows bring by themselves, and what another "
        "learner brought on the reference already."
    )


def _slices(key: str, found: Diagnosis) -> None:
    st.subheader("Slices that lost most")
    if not found.slices:
        st.caption("None lost more than the rest by more than chance gives." if found.compared else "Not known.")
        return
    frame = pd.DataFrame(
        {
            "slice": [s.name for s in found.slices],
            "share": [100 * s.share for s in found.slices],
            "rows": [s.rows for s in found.slices],
            "then": [None if s.new else s.then for s in found.slices],
            "now": [s.now for s in found.slices],
            "brought": [s.contribution.value for s in found.slices],
            "interval": [f"{s.contribution.lower:+.3g} to {s.contribution.upper:+.3g}" for s in found.slices],
            "p": [s.p_value for s in found.slices],
        }
    )
    column = st.column_config
    loss = RISES.get(found.about.metric.name, f"{found.about.metric.title} of its rows.")
    st.dataframe(
        frame, key="worst_slices", hide_index=True, height=tables.height(len(frame)), placeholder="hardly there",
        alt=f"{len(frame)} slices that lost more than the rest, the largest share of the drop first",
        column_config={
            "slice": column.TextColumn("Slice", width=230, pinned=True),
            "share": column.NumberColumn("Share", format="%.0f%%", width=70, help="Of these windows' rows"),
            "rows": column.NumberColumn("Rows", format="localized", width=75, help="Rows of the sample"),
            "then": column.NumberColumn("Loss then", format="%.3g", width=90, help=f"In the reference. {loss}"),
            "now": column.NumberColumn("Loss now", format="%.3g", width=90, help=loss),
            "brought": column.NumberColumn("Brought", format="%.3g", width=85, help="Share × rise"),
            "interval": column.TextColumn("95 %", width=140),
            "p": column.NumberColumn("p", format="%.1g", width=75, help="Corrected for all slices looked at (Holm)"),
        },
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Slices and pairs of slices may overlap, so that their parts do not add up.")
        pieces.download(lambda: frame.to_csv(index=False), f"{key}-worst-slices", "slices_csv", type="tertiary")


def _moved(found: Diagnosis) -> None:
    st.subheader("Features that moved")
    if not found.moved:
        st.caption("None by more than the reference's own days differ." if found.compared else "Not known.")
        return
    frame = pd.DataFrame(
        {
            "feature": [m.feature for m in found.moved],
            "words": [m.words for m in found.moved],
            "distance": [m.distance for m in found.moved],
            "chance": [m.chance for m in found.moved],
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="moved_features", hide_index=True, height=tables.height(len(frame)),
        alt=f"{len(frame)} features that moved, most first",
        column_config={
            "feature": column.TextColumn("Feature", width=180, pinned=True),
            "words": column.TextColumn("From what to what", width=300),
            "distance": column.NumberColumn("Distance", format="%.2f", width=85, help="Total variation, 0 to 1"),
            "chance": column.NumberColumn(
                "Chance", format="%.2f", width=80, help="The largest distance of two parts of the reference"
            ),
        },
    )  # fmt: skip


def _links(shown: Attempt) -> None:
    """To the pages that show these windows. No page links: those cannot change the range, which is in the address."""
    with st.container(horizontal=True):
        for name, icon, label in (
            ("drift", "compare_arrows", "Drift in these windows"),
            ("performance", "trending_down", "Performance in these windows"),
        ):
            look = dict(icon=f":material/{icon}:", type="tertiary", key=f"to_{name}")
            if st.button(label, **look, on_click=_look, args=(shown.window,)):  # type: ignore[arg-type]
                st.switch_page(PAGES / "observe" / f"{name}.py", query_params={})  # None would clear the bound ones


def _look(slots: Slots) -> None:
    """Choose the time range of some windows, where they are of real time."""
    if slots.first >= pieces.FEWEST_HOURS:
        first, last = _moments(slots)
        days = {"from": first.date(), "to": (last - timedelta(seconds=1)).date()}
        st.session_state.update({"range": "custom", **days})


def _window(shown: Attempt) -> str:
    if shown.window.first < pieces.FEWEST_HOURS:
        return f"chunks {shown.window.first:,} to {shown.window.last - 1:,}"
    return window(*_moments(shown.window))


def _moments(slots: Slots) -> tuple[Any, Any]:
    return moment_of(slots.first), moment_of(slots.last)


def _check(entry: FleetEntry, shown: Attempt) -> str:
    return evidence.title(shown.check.partition(".")[2], entry.task) or shown.check
