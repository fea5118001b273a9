"""Alerts: What needs me?

icon: notifications
order: 1
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pandas as pd
import streamlit as st

from monitoring.core.alerting.severity import Severity
from monitoring.store.queries.alerts import AlertEntry, Worth, owners
from monitoring.web import alerts, cached, pieces, said, span, tables
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.look import SEVERITIES
from monitoring.web.menu import PAGES

require("viewer")

SHOWN = 15
"""Cards of a page; more at a click."""
FILTERS: dict[str, tuple[str, Callable[[AlertEntry], bool]]] = {
    "needs": (":material/notifications_active: Needs somebody", lambda e: e.needs_somebody),
    "page": (":red[:material/error:] Pages", lambda e: e.alert.open and e.alert.severity == Severity.PAGE),
    "ticket": (":orange[:material/warning:] Tickets", lambda e: e.alert.open and e.alert.severity == Severity.TICKET),
    "acknowledged": (":material/person_check: Acknowledged", lambda e: bool(e.alert.acked_by)),
    "held": (":material/notifications_off: Not sent", lambda e: bool(e.held)),
    "resolved": (":blue[:material/check_circle:] Resolved", lambda e: not e.alert.open),
}


def counts(entries: list[AlertEntry]) -> str | None:
    """How many there are of each, as a filter kept in the address as `show`."""
    number = {name: sum(fits(e) for e in entries) for name, (_, fits) in FILTERS.items()}
    wanted = st.query_params.get("show")
    st.session_state["alerts_show"] = wanted if wanted in FILTERS else None
    return st.segmented_control(
        "Show", list(FILTERS), format_func=lambda name: f"{FILTERS[name][0]} **{number[name]:,}**",
        key="alerts_show", label_visibility="collapsed", on_change=remember, wrap=True,
    )  # fmt: skip


def remember() -> None:
    """Write the chosen filter to the address."""
    chosen = st.session_state.get("alerts_show")
    if chosen:
        st.query_params["show"] = chosen
    else:
        st.query_params.pop("show", None)


def clear() -> None:
    """Show every open alert again."""
    for name in ("show", "group"):
        st.query_params.pop(name, None)
    st.session_state["alerts_owner"] = None
    st.session_state["model"] = None


def chosen(entries: list[AlertEntry]) -> list[AlertEntry]:
    """Those that pass the filters. Unless they are asked for, what is resolved is left out."""
    of_model, of_group = span.model(), st.query_params.get("group")
    entries = [e for e in entries if of_model is None or e.alert.subject.model == of_model]
    entries = [e for e in entries if of_group is None or e.alert.group == of_group]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show = counts(entries)
        owner = st.selectbox(
            "Owner", owners(entries), index=None, key="alerts_owner", bind="query-params", placeholder="Any owner",
            label_visibility="collapsed", width=200,
        )  # fmt: skip
    fits = FILTERS[show][1] if show else lambda e: e.alert.open or of_group is not None
    return [e for e in entries if fits(e) and owner in (None, e.alert.owner)]


def stream(found: list[AlertEntry]) -> None:
    """A card an alert, some at a time."""
    shown = found[: st.session_state.get("alerts_shown", SHOWN)]
    histories = cached.alert_history(tuple(e.alert.key for e in shown))
    runbooks = {e.key: str(e.document.get("runbook") or "") for e in cached.entries()}
    for entry in shown:
        alerts.card(entry, histories.get(entry.alert.key, []), runbooks.get(entry.alert.subject.model, ""))
    if len(found) > len(shown):
        left = len(found) - len(shown)
        more = min(SHOWN, left)
        st.button(
            f"Show {more} more of {left:,}", icon=":material/expand_more:", on_click=grow, args=(len(shown) + more,)
        )


def grow(number: int) -> None:
    """Show more cards."""
    st.session_state["alerts_shown"] = number


def nothing(entries: list[AlertEntry], present: datetime) -> None:
    """The three empty states: no model yet, none matching, and nothing wrong."""
    if not cached.fleet(present):
        pieces.empty(
            "No model is watched yet.", "Alerts come from the checks of models: add one first.",
            "configure/models_and_logs.py", "Models and logs",
        )  # fmt: skip
    elif any(e.alert.open for e in entries) or st.query_params.get("group") or st.query_params.get("show"):
        pieces.empty("No alert matches.", f"{len(entries):,} are hidden by the filter.")
        st.button("Show all open alerts", icon=":material/filter_alt_off:", on_click=clear)
    else:
        ended = f"No alert is open; {len(entries):,} ended in the range above."
        step = f"{ended} What is only to be watched is on the Fleet page."
        pieces.empty("Nothing needs you.", step, "observe/fleet.py", "Fleet")


def channels() -> None:
    """Say where nobody would be told."""
    if cached.reachable():
        return
    page = PAGES / "configure" / "channels.py"
    st.markdown(":orange-badge[:material/notifications_off: No channel] Nobody is told of alerts: they are only here.")
    if page.exists():
        st.page_link(page, label="Set up a channel", icon=":material/arrow_forward:")


def rules(found: list[Worth], words: str) -> None:
    """What each rule is worth, as people said."""
    st.header("What each rule is worth")
    if not found:
        st.caption(f"No alert fired in the {words}.")
        return
    column = st.column_config
    out = pd.DataFrame(
        {
            "severity": [[tables.label(SEVERITIES[Severity(w.severity)])] for w in found],
            "rule": [w.rule for w in found],
            "check": [w.check for w in found],
            "alerts": [w.alerts for w in found],
            "useful": [w.useful for w in found],
            "noise": [w.noise for w in found],
            "precision": [None if w.precision is None else w.precision * 100 for w in found],
        }
    )
    st.dataframe(
        out, key="rules", hide_index=True, height=tables.height(len(out)), placeholder="not judged",
        alt=f"{len(out)} rules with their alerts and how many people found useful",
        column_config={
            "severity": tables.badges("Severity", list(SEVERITIES.values()), width=120),
            "rule": column.TextColumn("Rule", width=170),
            "check": column.TextColumn("Check", width=200),
            "alerts": column.NumberColumn("Alerts", format="localized", width=80, help="Episodes that fired"),
            "useful": column.NumberColumn("Useful", format="localized", width=80),
            "noise": column.NumberColumn("Noise", format="localized", width=80),
            "precision": column.NumberColumn(
                "Precision", format="%.0f %%", width=100, help="The useful of those that somebody judged"
            ),
        },
    )  # fmt: skip
    st.caption(f"Alerts that fired in the {words}. Thumbs on a card say whether it was useful or noise.")


def page(present: datetime) -> None:
    """The whole page."""
    said.told()
    chosen_span = span.span()
    entries = cached.alerts(chosen_span.start, present)
    pieces.freshness(max((e.evaluated_at for e in cached.fleet(present) if e.evaluated_at), default=None))
    if trouble := cached.alert_trouble():
        st.error(f"Alerts could not be decided at the last look: {escape(trouble)}", icon=":material/error:")
    channels()
    found = chosen(entries) if entries else []
    if found:
        stream(found)
    else:
        nothing(entries, present)
    if entries:
        rules(cached.alert_worth(chosen_span.start), chosen_span.words)


page(now())
