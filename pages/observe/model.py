"""Model: Is this model healthy; if not, why, and what should be done?

icon: model_training
order: 2
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Verdict
from monitoring.store.queries.fleet import TREND_DAYS, FleetEntry
from monitoring.store.queries.standing import Seen
from monitoring.web import cached, diagnosis, evidence, incidents, links, pieces, retrains, tables
from monitoring.web.access import require
from monitoring.web.clock import now, stamp
from monitoring.web.escape import escape, link
from monitoring.web.look import of_flag, of_status
from monitoring.web.reasons import next_step
from monitoring.web.span import Span, model, span

require("viewer")

BACK = pd.Timedelta(days=TREND_DAYS)
"""How far back the figures look for the newest mature window, whatever range the charts show."""
SERVICE = {"Latency p95": ("p95", "latency_ms"), "Error rate": ("error_share", "status")}
"""What the service chart can show: its column of the traffic, and the part of the mapping it needs."""


def asked(key: str) -> None:
    """Ask the worker for an evaluation and say so."""
    if pieces.ask("evaluate", key, {}):
        st.toast("The worker was asked to evaluate this model.", icon=":material/check_circle:")
    else:
        st.toast("It is asked for already: the worker has not finished yet.", icon=":material/hourglass_empty:")


def head(entry: FleetEntry, document: dict[str, Any]) -> None:
    """Flag, why, and who has it."""
    with st.container(border=True):
        title, action = st.columns([4, 1], vertical_alignment="center")
        with title:
            st.header(escape(entry.name))
        with action.container(horizontal=True, horizontal_alignment="right"):
            st.button("Evaluate now", icon=":material/refresh:", on_click=asked, args=(entry.key,), key="evaluate")
        pieces.progress(entry.key, "evaluate")
        lines = entry.findings or ["Not evaluated yet. Ask for it with Evaluate now."]
        st.markdown(f"{of_flag(entry.flag).badge} {escape(lines[0])}")
        if lines[1:]:
            st.markdown("\n".join(f"- {escape(line)}" for line in lines[1:]))
        incidents.of_model(entry.key)
        if entry.flag:
            st.markdown(f"**What to do:** {next_step(entry.flag, entry.reason)}")
        st.caption(" · ".join(facts(entry, document)))
        retrains.of_model(entry)
        links.about(entry.key, besides=Path(__file__))


def facts(entry: FleetEntry, document: dict[str, Any]) -> list[str]:
    """What the model is, and who to ask."""
    seen = cached.versions(entry.key)
    words = ", ".join(f"{v.version}{dates(v)}" for v in seen[:5])
    more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
    out = [
        f"Owner {escape(entry.owner or 'nobody')}",
        escape(entry.task.replace("_", " ")),
        escape(entry.mode.replace("_", " ")),
        f"{'Versions' if len(seen) > 1 else 'Version'} {escape(words or 'not in the log')}{more}",
        f"Runbook {link(document.get('runbook') or 'not set')}",
    ]
    return [*out, escape(document["description"])] if document.get("description") else out


def dates(seen: Seen) -> str:
    """From when to when a version was in the log."""
    return f" ({seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d})" if seen.first and seen.last else ""


def figures(entry: FleetEntry, standing: list[Verdict]) -> None:
    """One row of four figures."""
    present = now().replace(second=0, microsecond=0)
    metric, drift, budget, volume = st.columns(4)
    with metric:
        check = f"performance.{entry.main or 'none'}"
        _metric(entry, cached.history(entry.key, check, present - BACK, present))
    with drift:
        found = next((v for v in standing if v.check == "drift"), None)
        _figure(
            "Features drifted", "–" if found is None or found.value is None else f"{found.value:.0%}", found,
            found.reason.split(" (")[0].rstrip(".") if found else "not judged yet", list(entry.drift),
        )  # fmt: skip
    with budget:
        objectives = [v for v in standing if v.check.startswith("slo.") and v.method != "age_hours"]
        names = sorted({v.check.removeprefix("slo.") for v in objectives})
        words = f"least of {' and '.join(names)}" if len(names) > 1 else "".join(names) or "no objective is set"
        left = "–" if entry.budget is None else f"{entry.budget:.0%}"
        _figure("Error budget left", left, objectives[0] if objectives else None, words, [])
    with volume:
        _volume(entry, cached.coverage(entry.key, entry.main or "none", present - BACK, present))


def _metric(entry: FleetEntry, course: pd.DataFrame) -> None:
    title = evidence.title(entry.main, entry.task) or "Performance"
    mature = course[~course["provisional"].astype(bool) & course["value"].notna()]
    if mature.empty:
        _figure(title, "–", None, "no label has arrived yet", [])
        return
    newest = mature.iloc[-1]
    limits = "" if pd.isna(newest["lower"]) else f"95 % {newest['lower']:.4g} to {newest['upper']:.4g}"
    level = "" if pd.isna(newest["threshold"]) else f"threshold {newest['threshold']:.4g}"
    words = ", ".join(part for part in (limits, level) if part)
    _figure(title, f"{newest['value']:.4g}", newest["status"], words, list(mature["value"]))


def _volume(entry: FleetEntry, windows: pd.DataFrame) -> None:
    if windows.empty:
        _figure("Rows in the newest window", "–", None, "no row yet", [])
        return
    newest = windows.iloc[-1]
    labels = "no labels" if pd.isna(newest["complete"]) else f"labels {newest['complete']:.0%} complete"
    labels = f"so far, {labels}" if newest["provisional"] else labels
    _figure("Rows in the newest window", f"{newest['rows']:,}", newest["status"], labels, list(windows["rows"]), "bar")


def _figure(
    title: str, value: str, judged: Verdict | str | None, words: str, course: list[float], kind: str = "line"
) -> None:  # fmt: skip
    status = judged.status if isinstance(judged, Verdict) else judged
    look = of_status(str(status)) if status else None
    st.metric(
        title, value, f":material/{look.icon}: {look.word}" if look else None, border=True, height="stretch",
        delta_color=look.colour if look else "off", delta_arrow="off", delta_description=escape(words),
        chart_data=course if len(course) > 1 else None, chart_type=kind,
    )  # fmt: skip


def why(entry: FleetEntry, standing: list[Verdict]) -> None:
    """Every newest verdict that is not ok, worst first."""
    st.header("Why flagged")
    bad = [v for v in standing if v.status != "ok" and v.check != "model"]
    if not bad:
        pieces.empty(f"All {len(standing):,} newest verdicts are ok.", "Nothing needs to be done.")
        return
    families = sorted({v.check.split(".")[0] for v in bad})
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            "Checks", families, key="family", bind="query-params", label_visibility="collapsed", wrap=True
        )
        grey = st.toggle("With no or too little data", key="grey", bind="query-params")
    shown = [v for v in bad if chosen in (None, v.check.split(".")[0]) and (grey or tables.is_news(v))]
    if not shown:
        st.caption(f"No finding here; {len(bad):,} verdicts are hidden by the filter.")
        return
    tables.verdicts(shown, key="why", alt=f"{len(shown)} newest verdicts of {entry.name} that are not ok, worst first")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(shown):,} of {len(standing):,} newest verdicts; the rest are ok or hidden by the filter.")
        pieces.download(lambda: tables.as_csv(shown), f"{entry.key}-why", "why_csv", type="tertiary")


def courses(entry: FleetEntry, document: dict[str, Any], shown: Span) -> None:
    """The charts, on one time axis."""
    st.header(f"Over the {shown.words}" if shown.words.startswith("last") else shown.words)
    drawn = evidence.metric(entry, shown)
    drawn = evidence.drift(entry, shown) or drawn
    drawn = evidence.volume(entry, shown) or drawn
    if entry.mode != "batch":
        drawn = service(entry, document, shown) or drawn
    if not drawn:
        pieces.empty(
            "No window lies in this range.",
            f"The newest row is of {stamp(entry.last_at)}. Choose a longer range above, or see if its log arrives.",
            "configure/models_and_logs.py",
            "Models and logs",
        )
        return
    checks = (f"performance.{entry.main or 'none'}", "drift", "quality.volume")
    found = [cached.history(entry.key, check, shown.start, shown.end) for check in checks]
    judged = [frame for frame in found if not frame.empty]
    if judged:
        pieces.download(lambda: pd.concat(judged).to_csv(index=False), f"{entry.key}-courses", "courses_csv")


def service(entry: FleetEntry, document: dict[str, Any], shown: Span) -> bool:
    """Latency or error rate by hour."""
    traffic = cached.traffic(entry.key, shown.start, shown.end)
    mapped = document["predictions"].get("columns", {}) if document else {}
    there = [name for name, (column, part) in SERVICE.items() if mapped.get(part) and traffic[column].notna().any()]
    if not there:
        return False
    with st.container(border=True):
        name = st.segmented_control(
            "Service", there, default=there[0], required=True, key="service", bind="query-params"
        )
        evidence.service(entry.key, traffic, SERVICE[name or there[0]][0], document, shown)
    return True


def page(key: str) -> None:
    """The whole page."""
    entry = next(e for e in cached.fleet(now()) if e.key == key)
    document = next((e.document for e in cached.entries() if e.key == key), {})
    pieces.freshness(entry.evaluated_at)
    head(entry, document)
    if not entry.flag:
        return
    standing = cached.standing(key)
    figures(entry, standing)
    why(entry, standing)
    diagnosis.section(entry, document)
    shown = span()
    courses(entry, document, shown)
    st.header("Flag history")
    tables.flags(cached.history(key, "model", shown.start, shown.end))
    incidents.history(key)


chosen = model()
if chosen is None:
    pieces.choose_first()
else:
    page(chosen)
