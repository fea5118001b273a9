"""Why it fell, on the Model page: what to do, where the drop comes from, and the slices and features behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from monitoring.core.diagnosis.diagnosis import Advice, Attempt, Diagnosis
from monitoring.core.diagnosis.words import cause, sentence
from monitoring.core.verdict import Status
from monitoring.core.window import Slots, moment_of
from monitoring.store.queries.fleet import FleetEntry
from monitoring.web import cached, diagnosis_forest, diagnosis_tables, evidence, pieces, span
from monitoring.web.clock import ago, now, window
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES
from monitoring.web.menu import PAGES

ADVICE = {
    Advice.RETRAIN: replace(STATUSES[Status.BREACHED], word="Retrain", icon="model_training"),
    Advice.MEND: replace(STATUSES[Status.BREACHED], word="Mend the data first", icon="build"),
    Advice.HARDER: replace(STATUSES[Status.WARNING], word="Retraining will not help", icon="do_not_disturb_on"),
    Advice.SOUND: replace(STATUSES[Status.OK], word="No worse"),
    Advice.UNSURE: replace(STATUSES[Status.NO_DATA], word="Undecided", icon="balance"),
    Advice.UNTRIED: replace(STATUSES[Status.NO_DATA], word="Could not be tried"),
}
FAILED = replace(STATUSES[Status.BREACHED], word="Not diagnosed", icon="report")


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
    diagnosis_forest.show(found)
    diagnosis_tables.slices(entry.key, found)
    diagnosis_tables.features(found)
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
        span.choose(*_moments(slots))


def _window(shown: Attempt) -> str:
    if shown.window.first < pieces.FEWEST_HOURS:
        return f"chunks {shown.window.first:,} to {shown.window.last - 1:,}"
    return window(*_moments(shown.window))


def _moments(slots: Slots) -> tuple[Any, Any]:
    return moment_of(slots.first), moment_of(slots.last)


def _check(entry: FleetEntry, shown: Attempt) -> str:
    return evidence.title(shown.check.partition(".")[2], entry.task) or shown.check
