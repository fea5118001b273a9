"""What a person's last action came to, told once when the page is drawn next: a callback may not draw."""

from __future__ import annotations

import streamlit as st

from monitoring.errors import FleetError, LeewayError
from monitoring.web.escape import escape

DONE, FAILED = "said_done", "said_failed"


def say(text: str) -> None:
    """Something was done."""
    st.session_state[DONE] = text


def fail(error: Exception) -> None:
    """Something could not be done; nothing that was typed is lost."""
    st.session_state[FAILED] = error


def told() -> None:
    """Tell both here."""
    done()
    failed()


def done() -> None:
    """Tell what was done; `failed` stands elsewhere on the page, where one will look."""
    if text := st.session_state.pop(DONE, ""):
        st.toast(escape(text), icon=":material/check_circle:")


def failed() -> None:
    """Tell why what was tried could not be done."""
    if error := st.session_state.pop(FAILED, None):
        show_problems(error)


def show_problems(error: Exception) -> None:
    """All that is wrong, each on a line of its own."""
    several = error.problems if isinstance(error, FleetError) else ()
    lines = list(several) or [error.sentence if isinstance(error, LeewayError) else str(error)]
    head = "This cannot be used yet:" if len(lines) > 1 else ""
    st.error(
        "\n".join([head, *(f"- {escape(line)}" for line in lines)]) if head else escape(lines[0]),
        icon=":material/error:",
    )
