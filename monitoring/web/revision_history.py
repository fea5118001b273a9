"""Every change of thresholds or of objectives, newest first, and taking one back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.store.revisions import Revision
from monitoring.web import edits, pieces, tables
from monitoring.web.clock import stamp
from monitoring.web.escape import escape


def words(several: Sequence[dict[str, Any]]) -> str:
    """Thresholds or objectives as written, on one line."""
    return "; ".join(", ".join(f"{key} {_plain(value)}" for key, value in one.items()) for one in several) or "none"


def changed(revision: Revision) -> str:
    """What is no longer as it was, and what came in its place."""
    gone = [one for one in revision.before if one not in revision.after]
    new = [one for one in revision.after if one not in revision.before]
    return f"{words(gone)} → {words(new)}"


def show(found: Sequence[Revision], what: str) -> None:
    """The list of changes of `what` (thresholds, objectives), and the form that takes one back."""
    if not found:
        pieces.empty(f"No {what} were changed yet.", "Every change is listed here, with who made it and why.")
        return
    named = {_named(r): r for r in found}
    frame = pd.DataFrame(
        {
            "at": [r.at for r in found],
            "what": [_subject(r) for r in found],
            "number": [r.number for r in found],
            "author": [r.author for r in found],
            "reason": [r.reason for r in found],
            "change": [changed(r) for r in found],
            "undoes": pd.Series([r.undoes for r in found], dtype="Int64"),
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="revisions", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} changes of {what}",
        column_config={
            "at": column.DatetimeColumn("When, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "what": column.TextColumn("Model or rule" if what == "thresholds" else "Model", width=170),
            "number": column.NumberColumn("Revision", width=75),
            "author": column.TextColumn("Who", width=110),
            "reason": column.TextColumn("Why", width=230),
            "change": column.TextColumn("From → to", width=480),
            "undoes": column.NumberColumn("Undoes", width=70, help="The revision that it takes back"),
        },
    )  # fmt: skip
    pieces.download(lambda: frame.to_csv(index=False), f"{what}-changes", "revisions-csv")
    _undo(named)


def _subject(revision: Revision) -> str:
    return f"rule {revision.name}" if revision.kind == "rule" else revision.name


def _named(revision: Revision) -> str:
    return f"{_subject(revision)}, revision {revision.number}"


def _undo(found: dict[str, Revision]) -> None:
    with st.container(border=True):
        st.header("Undo a change")
        left, right = st.columns(2)
        chosen = left.selectbox("Change", list(found), index=None, key="undo", placeholder="Choose a change")
        why = right.text_input("Reason", key="undo-reason", placeholder="why it is taken back", live=True)
        revision = found.get(chosen or "")
        if revision is None:
            st.caption("What held before it holds again, as a new revision.")
            return
        later = sum((r.kind, r.name) == (revision.kind, revision.name) and r.number > revision.number
                    for r in found.values())  # fmt: skip
        more = f" The {later} changes after it are undone, too." if later > 1 else ""
        more = " The change after it is undone, too." if later == 1 else more
        st.markdown(
            escape(
                f"Made by {revision.author} on {stamp(revision.at)}: {revision.reason} "
                f"Back to: {words(revision.before)}.{more}"
            )
        )
        st.button(
            "Undo", icon=":material/undo:", key="undo-now", disabled=not (why or "").strip(), on_click=_take_back,
            args=(revision,),
        )  # fmt: skip


def _take_back(revision: Revision) -> None:
    why = (st.session_state.get("undo-reason") or "").strip()
    if not why:
        return
    if edits.undo(revision, why):
        st.session_state["undo"], st.session_state["undo-reason"] = None, ""


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
