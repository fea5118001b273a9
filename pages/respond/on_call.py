"""On-call: Who is paged now, next, and where is a gap?

icon: support_agent
order: 2
"""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from monitoring.store.queries.oncall import Board
from monitoring.web import cached, oncall_board, oncall_people, oncall_shift, oncall_team, pieces, said
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.zone import named, viewer_zone

require("viewer")

VIEWS = ("On call", "Teams", "People")


def page(present: datetime) -> None:
    """One of the three views."""
    said.told()
    view = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    found = cached.board(present)
    if view == "Teams":
        oncall_team.show(found)
    elif view == "People":
        oncall_people.show(found)
    else:
        duty(found, present)


def duty(found: Board, present: datetime) -> None:
    """Now and next of every schedule, the days ahead, and what was changed by hand."""
    zone = viewer_zone()
    st.caption(f"Times are in your zone, {escape(named(zone, present))}.")
    unowned(found)
    if not found.duties:
        pieces.empty(
            "Nobody is on call yet.",
            'Add people in the view "People", then a team with a schedule in the view "Teams"; or as code: `people:` '
            "and `teams:` in the fleet file, and python -m monitoring apply.",
        )
        return
    if not found.channels:
        st.warning(
            "No channel is set up: alerts stay on the dashboard, nobody is told.", icon=":material/notifications_off:"
        )
    teams = sorted({d.team.title for d in found.duties})
    chosen = None
    if len(teams) > 2:
        chosen = st.selectbox(
            "Team", teams, index=None, key="oncall_team", bind="query-params", placeholder="Every team",
            label_visibility="collapsed", width=300,
        )  # fmt: skip
    duties = [d for d in found.duties if chosen is None or d.team.title == chosen]
    oncall_board.cards(found, duties, zone, present, lambda d, span: oncall_shift.change(found, d, span))
    st.header("The next 14 days")
    oncall_board.timeline(found, duties, zone, "timeline")
    if st.toggle("As a table", key="as_table"):
        oncall_board.shifts(found, duties, zone, "shifts")
    st.header("Changes of shifts")
    oncall_shift.planned(found, duties, zone)


def unowned(found: Board) -> None:
    """Owners whose models no team has."""
    if not found.unowned:
        return
    words = ", ".join(f"{owner or 'no owner'} ({count})" for owner, count in found.unowned[:8])
    more = f" and {len(found.unowned) - 8} more" if found.unowned[8:] else ""
    st.markdown(
        f":orange-badge[:material/warning: No team] Models of these owners have no team, so nobody is on call for "
        f"them: {escape(words + more)}."
    )


page(now())
