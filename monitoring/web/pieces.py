"""Small pieces that several pages share: the flag with its reason, empty states, asking the worker for something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy import select

from monitoring.core.window import moment_of
from monitoring.store.queries.summaries import Frozen
from monitoring.store.tables import AuditRow, RequestRow
from monitoring.web import cached
from monitoring.web.access import require
from monitoring.web.clock import ago, now, window
from monitoring.web.escape import escape
from monitoring.web.look import of_flag

FEWEST_HOURS = 100_000
"""Slots below are chunks of rows: hours since 1970 are more."""
LATE = 300
"""Seconds without a sign of life after which the worker is said to have stopped."""


def flag(name: str, reason: str) -> None:
    """A flag's badge, and the sentence that says why."""
    st.markdown(f"{of_flag(name).badge}  {escape(reason)}")


def empty(title: str, next_step: str, page: str | None = None, label: str = "") -> None:
    """An empty state with the next step; `page` is a page's path below pages/."""
    with st.container(border=True):
        st.markdown(f":material/info: **{escape(title)}**  \n{escape(next_step)}")
        if page:
            from monitoring.web.menu import PAGES

            st.page_link(PAGES / page, label=label, icon=":material/arrow_forward:")


def download(csv: Callable[[], str], name: str, key: str, **more: Any) -> None:
    """The button that saves a table; its CSV is made only when it is pressed."""
    st.download_button(
        "Download CSV", csv, f"{name}.csv", "text/csv",
        key=key, icon=":material/download:", on_click="ignore", **more,
    )  # fmt: skip


def download_json(document: Callable[[], str], name: str, key: str) -> None:
    """The button that saves a document; it is made only when it is pressed."""
    st.download_button(
        "Download JSON", document, f"{name}.json", "application/json",
        key=key, icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip


def choose_first() -> None:
    """What a page shows before a model is chosen."""
    empty("No model is chosen.", "Choose one above, or pick it on the Fleet page.", "observe/fleet.py", "Fleet")


@st.fragment(run_every=10)
def freshness(evaluated_at: datetime | None) -> None:
    """How old what is shown is, and whether the worker is alive."""
    present = now()
    beat = cached.heartbeat()
    stopped = beat is None or (present - beat).total_seconds() > LATE
    text = f"Evaluated {ago(evaluated_at, present)}; times are UTC."
    if stopped:
        st.markdown(
            f":orange-badge[:material/warning: Worker stopped] {escape(text)} "
            f"Last sign of life {escape(ago(beat, present))}."
        )
    else:
        st.caption(escape(text))


def ask(kind: str, model: str, arguments: dict[str, Any], actor: str | None = None) -> bool:
    """Ask the worker for something, once: False where the same is waiting or running already."""
    who, present = actor or require("editor"), now()

    def change(session: Any) -> bool:
        same = select(RequestRow.id).where(
            RequestRow.kind == kind, RequestRow.model_key == model, RequestRow.state.in_(("waiting", "running"))
        )
        for row in session.scalars(select(RequestRow).where(RequestRow.id.in_(same))):
            if row.arguments == arguments:
                return False
        session.add(
            RequestRow(
                kind=kind, model_key=model, arguments=arguments, actor=who, asked_at=present, state="waiting",
                progress=0.0, message="", result="", finished_at=None,
            )
        )  # fmt: skip
        session.add(AuditRow(at=present, actor=who, action=f"{kind} requested", subject=model, detail=arguments))
        return True

    return bool(cached.write(change))


@st.fragment(run_every=2)
def progress(model: str, kind: str) -> None:
    """The newest request of a kind, while it waits or runs; a failure stays until the next one."""
    newest = next((w for w in cached.work(model) if w.kind == kind), None)
    if newest is None or newest.state == "done":
        return
    if newest.state == "failed":
        st.error(escape(newest.message), icon=":material/error:")
        return
    words = newest.message or ("waiting for the worker" if newest.state == "waiting" else "running")
    st.progress(min(newest.progress, 1.0), text=escape(words))


def reference_words(frozen: Frozen | None) -> str:
    """The reference's window in words; "" where it is a log of its own."""
    if frozen is None or frozen.span is None:
        return ""
    if frozen.span.first < FEWEST_HOURS:
        return f"chunks {frozen.span.first} to {frozen.span.last - 1}"
    return window(moment_of(frozen.span.first), moment_of(frozen.span.last))
