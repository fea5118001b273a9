"""Fleet: What is broken now, and who has it?

icon: dashboard
order: 1
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from monitoring.store.queries.alerts import Count
from monitoring.store.queries.fleet import TREND_DAYS, FleetEntry
from monitoring.web import cached, evidence, incidents, links, pieces, tables
from monitoring.web.access import require
from monitoring.web.charts import palette
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.look import FLAGS, NEVER, Look, of_flag
from monitoring.web.reasons import first

require("viewer")

CARDS = 4
"""Flagged models with a card of their own."""
FILTERS = {str(flag): look for flag, look in FLAGS.items()} | {"never": NEVER}


def flag_of(entry: FleetEntry) -> str:
    """The flag as the filter knows it."""
    return str(entry.flag) or "never"


def counts(entries: list[FleetEntry]) -> str | None:
    """How many models have each flag, as a filter kept in the address as `flag`."""
    number = pd.Series([flag_of(entry) for entry in entries]).value_counts()
    shown = [flag for flag in FILTERS if flag != "never" or number.get(flag, 0)]

    def words(flag: str) -> str:
        look: Look = FILTERS[flag]
        return f":{look.colour}[:material/{look.icon}:] {look.word} **{number.get(flag, 0):,}**"

    # not bound: the address would hold the label, and with it the count
    wanted = st.query_params.get("flag")
    st.session_state["fleet_flag"] = wanted if wanted in shown else None
    return st.segmented_control(
        "Flag", shown, format_func=words, key="fleet_flag", label_visibility="collapsed", on_change=remember, wrap=True
    )


def remember() -> None:
    """Write the chosen flag to the address."""
    chosen = st.session_state.get("fleet_flag")
    if chosen:
        st.query_params["flag"] = chosen
    else:
        st.query_params.pop("flag", None)


def clear() -> None:
    """Show every model again."""
    st.query_params.pop("flag", None)
    st.session_state["q"] = ""
    st.session_state["owner"] = None


def chosen(entries: list[FleetEntry]) -> list[FleetEntry]:
    """The models that pass the filters."""
    owners = sorted({entry.owner for entry in entries if entry.owner})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flag = counts(entries)
        text = st.text_input(
            "Search", key="q", bind="query-params", placeholder="Search name, owner, mode",
            label_visibility="collapsed", icon=":material/search:", width=260,
        )  # fmt: skip
        owner = st.selectbox(
            "Owner", owners, index=None, key="owner", bind="query-params", placeholder="Any owner",
            label_visibility="collapsed", width=200,
        )  # fmt: skip
    wanted = (text or "").casefold().split()
    return [
        entry
        for entry in entries
        if (flag is None or flag_of(entry) == flag)
        and (owner is None or entry.owner == owner)
        and all(word in f"{entry.key} {entry.name} {entry.owner} {entry.mode}".casefold() for word in wanted)
    ]


def frame_of(entries: list[FleetEntry]) -> pd.DataFrame:
    """The table: a row a model."""
    counts = cached.alert_counts()  # asked once: of 500 models, asking for each cost two thirds of the page
    return pd.DataFrame(
        {
            "flag": [[tables.label(of_flag(e.flag))] for e in entries],
            "name": [e.name for e in entries],
            "owner": [e.owner for e in entries],
            "open": [open_alerts(counts.get(e.key)) for e in entries],
            "metric": [evidence.title(e.main, e.task) for e in entries],
            "value": [e.value for e in entries],
            "trend": [list(e.trend) for e in entries],
            "drifted": [e.drift[-1] * 100 if e.drift else None for e in entries],
            "drift": [list(e.drift) for e in entries],
            "alarms": [alarms(e) for e in entries],
            "budget": [None if e.budget is None else e.budget * 100 for e in entries],
            "last": [e.last_at for e in entries],
            "why": [first(e.reason) or "Not evaluated yet." for e in entries],
            "mode": [e.mode.replace("_", " ") for e in entries],
        }
    )


def open_alerts(count: Count | None) -> str:
    """How many of a model's alerts fire, and who has acknowledged any."""
    if count is None:
        return ""
    numbers = [(count.pages, "page"), (count.tickets, "ticket")]
    words = ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in numbers if n)
    return " · ".join([words, *([", ".join(count.acked_by)] if count.acked_by else [])])


def alarms(entry: FleetEntry) -> str:
    """False alarms a quarter: as many as the reference shows, beside those allowed. A month tells no single number."""
    if entry.allowed is None:
        return ""
    if entry.false_alarms is None:
        return "not measured"
    low, high = (round(x, 1) if x < 10 else round(x) for x in entry.false_alarms)
    return f"{low:g} to {high:g} of {entry.allowed:.2g}"


def table(entries: list[FleetEntry]) -> None:
    """All chosen models, worst first. A click on a name opens the model."""
    column, line, days = st.column_config, next(iter(palette()), None), f"{TREND_DAYS} days"
    st.dataframe(
        frame_of(entries), key="models", hide_index=True, height=tables.height(len(entries)), placeholder="–",
        alt=f"{len(entries)} models, worst first, with flag, owner, metric, drift, error budget and why",
        column_config={
            "flag": tables.flag_column(width=145, pinned=True),
            "name": column.ButtonColumn("Model", type="tertiary", key="opened", alignment="left", width=185),
            "owner": column.TextColumn("Owner", width=115),
            "open": column.TextColumn("Alerts", width=125, help="Alerts that fire, and who has acknowledged any"),
            "metric": column.TextColumn("Metric", width=135),
            "value": column.NumberColumn("Newest", format="%.4g", width=65, help="Newest window with its labels"),
            "trend": column.LineChartColumn(days, width=90, color=line, help="The metric, a point a window"),
            "drifted": column.NumberColumn("Drifted", format="%.0f %%", width=65, help="Share of features"),
            "drift": column.LineChartColumn(f"{days} ", width=90, y_min=0, y_max=1, color=line, help="Share drifted"),
            "alarms": column.TextColumn(
                "False alarms", width=115,
                help="Drift alarms a quarter: from and to, by the reference's own windows, of those allowed",
            ),
            "budget": column.NumberColumn("Budget left", format="%.0f %%", width=85, help="Below 0 is overspent"),
            "last": column.DatetimeColumn("Last row", format="distance", width=110),
            "why": column.TextColumn("Why", width=420),
            "mode": column.TextColumn("Mode", width=120),
        },
    )  # fmt: skip
    click = st.session_state.get("opened")
    if click is not None and click["row"] < len(entries):
        links.to_model(entries[click["row"]].key)


def card(entry: FleetEntry) -> None:
    """Why a model is flagged, in full, and where to go from here."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"{of_flag(entry.flag).badge} **{escape(entry.name)}** · {escape(entry.owner or 'no owner')}")
        st.markdown("\n".join(f"- {escape(line)}" for line in entry.findings) or "Not evaluated yet.")
        links.about(entry.key)


def cards(entries: list[FleetEntry]) -> None:
    """The worst few of the chosen models."""
    flagged = [entry for entry in entries if entry.flag in ("page", "retrain", "watch")][:CARDS]
    if not flagged:
        return
    st.header("Why flagged")
    for at in range(0, len(flagged), 2):
        for place, entry in zip(st.columns(2), flagged[at : at + 2], strict=False):
            with place:
                card(entry)


def nothing_yet() -> None:
    """What to do before there is a model."""
    pieces.empty(
        "No model is watched yet.",
        "Add one by a form, or from a file: python -m monitoring apply fleet.yaml. To look around first, "
        "python -m monitoring demo loads six models over real flights and taxi rides.",
        "configure/models_and_logs.py",
        "Models and logs",
    )


def page(present: datetime) -> None:
    """The whole page."""
    entries = cached.fleet(present)
    pieces.freshness(max((e.evaluated_at for e in entries if e.evaluated_at), default=None))
    if not entries:
        nothing_yet()
        return
    incidents.cards()
    found = chosen(entries)
    if not found:
        pieces.empty("No model matches.", f"{len(entries):,} models are hidden by the filter.")
        st.button("Show all models", icon=":material/filter_alt_off:", on_click=clear)
        return
    table(found)
    flat = frame_of(found).drop(columns=["trend", "drift"])
    flat = flat.assign(
        flag=[flag_of(e) for e in found], key=[e.key for e in found], why=[" ".join(e.findings) for e in found]
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(found):,} of {len(entries):,} models, worst first. Click a name to open it.")
        pieces.download(lambda: flat.to_csv(index=False), "fleet", "fleet_csv", type="tertiary")
    cards(found)


page(now())
