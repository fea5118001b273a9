"""Links from page to page about a model. Streamlit takes the bound time range along by itself."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from monitoring.web.menu import PAGES, MenuEntry, menu

OF_A_MODEL = ("model", "drift", "performance", "service_levels", "versions")
"""The pages that look at one model, by file name."""


def about(model: str, besides: Path | None = None) -> None:
    """A row of links to every page about a model but one."""
    with st.container(horizontal=True):
        for entry in _pages():
            if besides is None or entry.path != besides:
                icon = f":material/{entry.icon}:"
                kept = st.session_state.get("model") == model  # then Streamlit takes it along
                query = None if kept else {"model": model}
                st.page_link(entry.path, label=entry.title, icon=icon, query_params=query)


def to_model(model: str) -> None:
    """Go to the Model page now."""
    st.switch_page(PAGES / "observe" / "model.py", query_params={"model": model})


def _pages() -> list[MenuEntry]:
    return [entry for name in OF_A_MODEL for entry in menu() if entry.path.stem == name]
