"""Who is on call, on screen: a card a schedule, the days ahead as a chart, and the same as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.oncall.schedule import Span
from monitoring.core.verdict import Flag
from monitoring.core.wall_time import wall_of
from monitoring.store.queries.oncall import Board, Duty
from monitoring.web import charts, clock, pieces, tables
from monitoring.web.escape import escape, plain
from monitoring.web.look import FLAGS, Look
from monitoring.web.zone import between, local

COVERED = replace(FLAGS[Flag.HEALTHY], word="Covered")
GAP_AHEAD = replace(FLAGS[Flag.WATCH], word="Gap ahead")
BAR = 0.5
"""A bar's share of its row; above it is the schedule's name."""
NOBODY = replace(FLAGS[Flag.PAGE], word="Nobody on call")
GAPS = 3
"""Gaps that a card names; the rest are counted."""
Take = Callable[[Duty, Span], None]


def look_of(duty: Duty) -> Look:
    """How a schedule stands."""
    return NOBODY if not duty.now.people else GAP_AHEAD if duty.gaps else COVERED


def title(duty: Duty) -> str:
    """A schedule with its team."""
    return f"{duty.team.title} · {duty.schedule}"


def cards(found: Board, duties: Sequence[Duty], zone: str, present: datetime, take: Take) -> None:
    """Now, next and gaps of every schedule, those with nobody first."""
    worst_first = sorted(duties, key=lambda d: ((NOBODY, GAP_AHEAD, COVERED).index(look_of(d)), title(d)))
    for at in range(0, len(worst_first), 2):
        for place, duty in zip(st.columns(2), worst_first[at : at + 2], strict=False):
            with place.container(border=True, height="stretch"):
                _card(found, duty, zone, present, take)


def _card(found: Board, duty: Duty, zone: str, present: datetime, take: Take) -> None:
    models = found.models.get(duty.team.key, 0)
    st.markdown(f"{look_of(duty).badge} **{escape(title(duty))}** · {models} {'model' if models == 1 else 'models'}")
    end = duty.ends(duty.now)
    until = f" until {local(end, zone)} ({clock.ago(end, present)})" if end else ""
    if duty.now.people:
        lines = [f"**Now** {escape(found.titles(duty.now.people) + until)}"]
    else:
        lines = [f"**Now** {escape(f'nobody{until}: {fallback(found, duty)}')}"]
    following = duty.next
    if following is None:
        lines.append("**Next** nobody else in the next 14 days")
    else:
        lines.append(f"**Next** {escape(found.titles(following.people))} from {escape(local(following.start, zone))}")
    if found.channels and (mute := found.mute(duty)):
        lines.append(f":material/volume_off: {escape(found.titles(tuple(mute)))} cannot be told: no channel")
    gaps = [gap for gap in duty.gaps if gap is not duty.now]
    if gaps:
        hours = sum(((gap.end - gap.start) for gap in duty.gaps), timedelta()) / timedelta(hours=1)
        count = f"{len(duty.gaps)} gaps, {hours:,.0f} h" if len(duty.gaps) > 1 else f"1 gap, {hours:,.0f} h"
        told = f"; {escape(fallback(found, duty))}" if duty.now.people else ""
        lines.append(f":material/{GAP_AHEAD.icon}: {count} that begin in the next 7 days{told}")
    st.markdown("\n".join(f"- {line}" for line in lines))
    with st.container(horizontal=True):
        if st.button("Take this shift", key=f"take_{duty.name}", icon=":material/swap_horiz:"):
            take(duty, duty.now)
        for number, gap in enumerate(gaps[:GAPS]):
            words = f"Take {between(gap.start, duty.ends(gap), zone)}"
            if st.button(escape(words), key=f"gap_{duty.name}_{number}", icon=":material/front_hand:", type="tertiary"):
                take(duty, gap)
        if gaps[GAPS:]:
            st.caption(f"and {len(gaps) - GAPS} more gaps, below")


def fallback(found: Board, duty: Duty) -> str:
    """Who is told where nobody is on call."""
    if duty.team.members:
        return f"the whole team is told ({found.titles(duty.team.members)})"
    return "the team's channels are told" if duty.team.channels else "nobody is told, for the team has no member"


def timeline(found: Board, duties: Sequence[Duty], zone: str, key: str) -> None:
    """The time shown as a chart: a row a schedule, a colour a person, gaps hatched."""
    out = charts.figure(height=110 + 64 * len(duties))
    people = list(found.roster.people)
    colours = charts.palette()
    on_bar = "#0F172A" if charts.kind() == "dark" else "#FFFFFF"
    by_people: dict[tuple[str, ...], list[tuple[Duty, Span]]] = {}
    for duty in duties:
        for span in duty.spans:
            by_people.setdefault(span.people, []).append((duty, span))
    for who, bars in sorted(by_people.items()):
        name = plain(found.titles(who)) if who else f"{tables.GLYPHS[NOBODY.icon]} gap"
        colour = colours[people.index(who[0]) % len(colours)] if who and who[0] in people else charts.shade(NOBODY)
        starts = [wall_of(span.start, zone) for _, span in bars]
        ends = [wall_of(span.end, zone) for _, span in bars]
        out.add_trace(
            go.Bar(
                orientation="h", name=name, y=[duty.name for duty, _ in bars], base=starts,
                x=[(b - a) / timedelta(milliseconds=1) for a, b in zip(starts, ends, strict=True)],
                text=[name] * len(bars), textposition="inside", insidetextanchor="start", textangle=0,
                insidetextfont=dict(color=on_bar), customdata=[between(s.start, s.end, zone) for _, s in bars],
                hovertemplate="%{customdata}", width=BAR,
                marker=dict(
                    color=colour, line=dict(width=1, color=on_bar),
                    pattern=dict(shape="" if who else "/", fillmode="overlay", fgcolor=on_bar, solidity=0.12, size=10),
                ),
            )
        )  # fmt: skip
    out.update_layout(
        barmode="overlay", hovermode="closest", showlegend=True, uniformtext=dict(minsize=10, mode="hide"),
        xaxis=dict(type="date", tickformat="%a %-d %b", side="top", range=_ends(duties, zone)),
        yaxis=dict(
            autorange="reversed", showticklabels=False, categoryorder="array", categoryarray=[d.name for d in duties]
        ),
        legend=dict(orientation="h", y=-0.02, yanchor="top", x=0),
    )  # fmt: skip
    for row, duty in enumerate(duties):  # above its bar, not beside it: a phone has no room there
        out.add_annotation(
            x=0, xref="paper", xanchor="left", y=row - BAR / 2, yanchor="bottom", text=plain(title(duty)),
            showarrow=False, font=dict(size=12),
        )  # fmt: skip
    gaps = sum(not span.people for duty in duties for span in duty.spans)
    count = "1 schedule" if len(duties) == 1 else f"{len(duties)} schedules"
    words = "1 gap" if gaps == 1 else f"{gaps or 'no'} gaps"
    charts.show(out, f"{count} over 14 days in {zone}, with {words}.", key)


def _ends(duties: Sequence[Duty], zone: str) -> list[datetime]:
    return [wall_of(moment, zone) for moment in (duties[0].spans[0].start, duties[0].spans[-1].end)]


def shifts(found: Board, duties: Sequence[Duty], zone: str, key: str) -> None:
    """The same as a table, with a CSV."""
    rows = [(duty, span) for duty in duties for span in duty.spans]
    rows.sort(key=lambda row: row[1].start)
    looks = (COVERED, replace(NOBODY, word="Gap"))
    frame = pd.DataFrame(
        {
            "state": [[tables.label(looks[not span.people])] for _, span in rows],
            "schedule": [title(duty) for duty, _ in rows],
            "who": [found.titles(span.people) or "nobody" for _, span in rows],
            "from": [span.start for _, span in rows],
            "to": [duty.ends(span) for duty, span in rows],
        }
    )
    frame["to"] = pd.to_datetime(frame["to"], utc=True)
    column, form = st.column_config, "ddd D MMM, HH:mm"
    st.dataframe(
        frame, key=key, hide_index=True, height=tables.height(len(frame)), placeholder="later",
        alt=f"{len(frame)} shifts and gaps of the next 14 days, in {zone}",
        column_config={
            "state": tables.badges("State", looks, width=110, pinned=True),
            "schedule": column.TextColumn("Schedule", width=220),
            "who": column.TextColumn("Who", width=220),
            "from": column.DatetimeColumn(f"From ({zone})", format=form, timezone=zone, width=170),
            "to": column.DatetimeColumn(f"To ({zone})", format=form, timezone=zone, width=170),
        },
    )  # fmt: skip
    flat = frame.assign(state=[("covered" if span.people else "gap") for _, span in rows])
    pieces.download(lambda: flat.to_csv(index=False), "on-call", f"{key}_csv")
