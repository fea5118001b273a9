"""Retraining: What is asked for, what is running, and did it help?

icon: autorenew
order: 4
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import streamlit as st

from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.state import CHOICE, UNDER_WAY, WAITING, State
from monitoring.web import cached, ledger, pieces, retrain_form, retrains, said, span
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape

require("viewer")

SHOWN = 10
"""Cards of a page; more at a click."""
ASK, LEDGER, OFTEN = "ask", "ledger", "often"
VIEWS = {
    ASK: ":material/add: Request one",
    LEDGER: ":material/menu_book: Did it help?",
    OFTEN: ":material/event_repeat: How often?",
}
FILTERS: dict[str, tuple[str, Callable[[RetrainRequest], bool]]] = {
    "decide": (":material/gavel: To decide", lambda r: r.state in WAITING | CHOICE or bool(r.roll_back)),
    "running": (":material/sync: Running", lambda r: r.state in UNDER_WAY),
    "promoted": (":material/rocket_launch: Promoted", lambda r: r.state in (State.PROMOTED, State.VERIFIED)),
    "over": (":material/history: Over", lambda r: r.closed_at is not None),
}


def chosen(found: list[RetrainRequest]) -> str | None:
    """How many there are of each, as a filter kept in the address as `show`; and the form, as one of them."""
    number = {name: sum(fits(r) for r in found) for name, (_, fits) in FILTERS.items()}
    labels = {name: f"{FILTERS[name][0]} **{number[name]:,}**" for name in FILTERS} | VIEWS
    wanted = st.query_params.get("show")
    st.session_state["retrains_show"] = wanted if wanted in labels else None
    return st.segmented_control(
        "Show", list(labels), format_func=labels.__getitem__, key="retrains_show", label_visibility="collapsed",
        on_change=remember, wrap=True,
    )  # fmt: skip


def remember() -> None:
    """Write the chosen filter to the address."""
    show = st.session_state.get("retrains_show")
    if show:
        st.query_params["show"] = show
    else:
        st.query_params.pop("show", None)


def stream(found: list[RetrainRequest], present: datetime) -> None:
    """A card a request, some at a time."""
    worths = cached.retrain_worths(present)
    last = (math.inf,)
    found = sorted(found, key=lambda r: worths[r.key].order if r.key in worths else last)
    shown = found[: st.session_state.get("retrains_shown", SHOWN)]
    for request in shown:
        retrains.card(request, present, worths.get(request.key))
    if len(found) > len(shown):
        more = min(SHOWN, len(found) - len(shown))
        st.button(
            f"Show {more} more of {len(found) - len(shown):,}", icon=":material/expand_more:", on_click=grow,
            args=(len(shown) + more,),
        )  # fmt: skip


def grow(number: int) -> None:
    """Show more cards."""
    st.session_state["retrains_shown"] = number


def page(present: datetime) -> None:
    """The whole page."""
    said.told()
    if trouble := cached.retrain_trouble():
        st.error(f"Retrains could not be looked after at the last look: {escape(trouble)}", icon=":material/error:")
    model, wanted = span.model(), st.query_params.get("request")
    every = cached.retrains_now()  # as `watch` will see them: no reason to draw the page anew at once
    found = [r for r in every if model in (None, r.model)]
    show = chosen(found)
    if show == ASK:
        retrain_form.form(present)
        return
    if show == LEDGER:
        ledger.ledger(found)
        return
    if show == OFTEN:
        ledger.often(cached.retrain_cadences(present))
        return
    if wanted:
        found = [r for r in found if r.key == wanted]
    fits = FILTERS[show][1] if show else lambda r: True
    mine = [r for r in found if fits(r)]
    if mine:
        stream(mine, present)
    elif every:
        pieces.empty("No request is like that.", f"{len(every):,} are hidden by the filter or the chosen model.")
    else:
        pieces.empty(
            "No retrain was requested yet.",
            'A flag "needs retraining" makes a request by itself where the fleet file names a dispatcher; choose '
            '"Request one" above to make one.',
        )  # fmt: skip
    retrains.watch({r.key: r.changed_at for r in every})


page(now())
