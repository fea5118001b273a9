"""Models and logs: What is watched, and is its log arriving?

icon: database
order: 1
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from monitoring.errors import LeewayError
from monitoring.fleet import dump, parse_model
from monitoring.web import cached, log_table, model_checks, model_edit, model_form, said
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.model_draft import difference, documents_of

require("viewer")

VIEWS = ("Logs", "Models", "Add a model", "Changes")
WAYS = ("From its log", "Paste YAML")
EXAMPLE = """key: arrival-delay-risk
task: binary_classification
predictions:
  source: csv
  location: logs/predictions.csv
  columns: {id: id, timestamp: predicted_at, score: score, label: late}
"""


def page() -> None:
    """One of the four views."""
    said.done()
    first = None if st.session_state.pop("moved", False) else VIEWS[0]  # a value set beside a default is warned of
    view = st.segmented_control(
        "View", VIEWS, default=first, required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    if view == "Models":
        model_edit.show(cached.entries())
    elif view == "Add a model":
        add()
    elif view == "Changes":
        model_edit.show_changes(cached.changes())
    else:
        log_table.show(cached.logs(), cached.entries(), now())


def add() -> None:
    """A new model, by the form or as YAML."""
    require("editor")
    way = st.segmented_control(
        "How",
        WAYS,
        default=WAYS[0],
        required=True,
        key="add_way",
        label_visibility="collapsed",
        persist_state="session",
    )
    if way == WAYS[1]:
        pasted()
        return
    left, right = st.columns([3, 2])
    with left:
        document = model_form.form()
    with right.container(border=True):
        st.header("The same as YAML")
        if document is None:
            st.caption(
                "Say where the prediction log is and press Look: a proposal of what its columns mean fills this in."
            )
        st.code(dump([document or {"key": "…"}]), language=None)
    if document is not None:
        with st.container(border=True):
            st.header("See it judged, then watch it")
            good = usable(document)
            taken = document["key"] in {e.key for e in cached.entries()}
            if taken:
                text = f"A model with the key {document['key']} is watched already. Choose another key."
                st.error(escape(text), icon=":material/error:")
            asked = buttons([document], good, good and not taken)
            if asked:
                model_checks.run_preview(document, Path.cwd())
        model_checks.show_preview(document)


def usable(document: dict[str, Any]) -> bool:
    """Whether a draft is a valid model; says what is wrong where it is not."""
    try:
        parse_model(document, "the form")
    except LeewayError as error:
        said.show_problems(error)
        return False
    return True


def buttons(documents: list[dict[str, Any]], may_preview: bool, may_save: bool) -> bool:
    """Preview and save; whether a preview is asked for."""
    said.failed()
    with st.container(horizontal=True):
        asked = st.button("Preview verdicts", icon=":material/play_arrow:", disabled=not may_preview, key="preview_now")
        st.button(
            "Save and watch",
            icon=":material/visibility:",
            disabled=not may_save,
            key="save_now",
            on_click=model_checks.save,
            args=(documents, Path.cwd(), (model_form.PREFIX,)),
        )
    return asked


def pasted() -> None:
    """A model, a list of them or a whole fleet file as YAML."""
    with st.container(border=True):
        text = st.text_area(
            "YAML of a model, or a whole fleet file",
            key="add_yaml",
            height=320,
            placeholder=EXAMPLE,
            persist_state="session",
            help=f"Relative places start from {Path.cwd()}.",
        )
        documents: list[dict[str, Any]] = []
        if (text or "").strip():
            try:
                documents = documents_of(text or "", "the text")
            except LeewayError as error:
                said.show_problems(error)
        now_watched = {e.key: e.document for e in cached.entries()}
        for document in documents:
            if document["key"] in now_watched:
                st.caption(escape(f"{document['key']} is watched already; saving changes this:"))
                st.code(difference(now_watched[document["key"]], document) or "nothing", language="diff")
        asked = buttons(documents, len(documents) == 1, bool(documents))
        if len(documents) > 1:
            st.caption(
                f"{len(documents):,} models. A preview is of one; python -m monitoring evaluate --fleet F judges all."
            )
    if documents:
        if asked:
            model_checks.run_preview(documents[0], Path.cwd())
        model_checks.show_preview(documents[0])


page()
