"""The warning on every page that nothing is being evaluated: what is shown is old, and no alert would come."""

from __future__ import annotations

import streamlit as st

from monitoring.web import cached
from monitoring.web.clock import ago, now, span
from monitoring.web.pieces import LATE


@st.fragment(run_every=30)
def warn() -> None:
    """Say in red since when nothing was evaluated, why, and what to do; nothing where all is well, or none watched."""
    models, evaluated = cached.last_round()
    present, beat = now(), cached.heartbeat()
    living = beat is not None and (present - beat).total_seconds() <= LATE
    if not models or (living if evaluated is None else (present - evaluated).total_seconds() <= LATE):
        return
    since = "yet" if evaluated is None else f"for {span(present - evaluated)}"
    if living:
        why = "The worker is alive, but has not come to the end of a model: its log says what takes so long."
    else:
        died = "has never run" if beat is None else f"gave its last sign of life {ago(beat, present)}"
        why = f"The worker {died}: start it with `python -m monitoring worker`."
    begin = f":red-badge[:material/heart_broken: Nothing has been evaluated {since}]"
    st.markdown(f"{begin} What you see is old, and no alert would come. {why}")
