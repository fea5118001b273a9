"""A comparison of champion and challenger on screen, in short: what it comes to, its gates, and the sequential test."""

from __future__ import annotations

from typing import Any

import streamlit as st

from monitoring.core.comparison.comparison import Comparison, from_document
from monitoring.core.comparison.words import SAYS, changed, sentence, so_far
from monitoring.web.comparison import GATES, OUTCOMES, VERDICTS
from monitoring.web.escape import escape


def summary(document: dict[str, Any], key: str) -> None:
    """The sentence, and below it the gates, the figures and the test."""
    try:
        found = from_document(document)
    except (KeyError, TypeError, ValueError):
        st.caption("The comparison was made by another version of Leeway; it is made anew within ten minutes.")
        return
    st.markdown(f"{VERDICTS[found.verdict].badge} {escape(sentence(found))}")
    st.markdown(" · ".join(f"{GATES[g.name]} {OUTCOMES[g.outcome].badge}" for g in found.gates))
    with st.expander("Comparison", icon=":material/balance:", key=f"comparison {key}"):
        _details(found)


def _details(found: Comparison) -> None:
    st.markdown("\n".join(f"- **{g.name}** {SAYS[g.outcome]}: {escape(g.words)}" for g in found.gates))
    st.markdown("\n".join(f"- {escape(changed(f) or f'{f.title}: {f.reason}')}" for f in found.figures))
    st.markdown(f"**Looked at any time.** {escape(so_far(found.sequential))}")
    for note in found.notes:
        st.caption(escape(note))
