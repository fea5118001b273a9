"""Versions: What changed, and is the challenger better?

icon: difference
order: 1
"""

from __future__ import annotations

import streamlit as st

from monitoring.fleet import Model, parse_model
from monitoring.store.queries.fleet import FleetEntry
from monitoring.web import beside, cached, changes, comparison, evidence, pieces
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.span import Span, model, span

require("viewer")

SHADOW = "shadow"
"""The side that is in the shadow log, as comparing.asked.Side has it."""


def what_changed(key: str | None, shown: Span) -> None:
    """The metric of the model with its markers, and the list."""
    st.header("What changed")
    entry: FleetEntry | None = next((e for e in cached.fleet(now()) if e.key == key), None)
    if entry is not None and cached.what_changed(key, shown.start, shown.end):
        evidence.metric(entry, shown)
    if key is not None:
        changes.answered(key, shown)
    changes.section(key, shown)


def pick(names: list[str]) -> tuple[str, str]:
    """Two versions, kept in the address: the newest against the one before, or the shadow against the newest."""
    shadowed = names[-1] == SHADOW
    of, to = (names[0], SHADOW) if shadowed else (names[1], names[0])
    left, right = st.columns(2)
    first = left.selectbox("Champion", names, index=names.index(of), key="champion", bind="query-params")
    second = right.selectbox("Challenger", names, index=names.index(to), key="challenger", bind="query-params")
    return str(first or of), str(second or to)


def page(key: str, shown: Span) -> None:
    """Two versions of a model."""
    st.header("Two versions")
    written = next(e.document for e in cached.entries() if e.key == key)
    document: Model = parse_model(written, key)
    logged = [seen.version for seen in cached.versions(key)]
    names = [*logged, SHADOW] if document.retraining.shadow is not None else logged
    if len(names) < 2:
        if document.predictions.columns.version is None:
            step = "Map `version` in the fleet file: the column of the prediction log that says which version answered."
        elif cached.baseline(key) is None:
            step = "The model has not been evaluated yet: versions are known after the first evaluation."
        else:
            step = f"Only {names[0]} is in the log. " if names else ""
            step += "A second version is listed here as soon as it answers. What another one would answer to the same "
            step += "ids may come in a log of its own: map `retraining.shadow` in the fleet file."
        pieces.empty("There are no two versions to compare.", step)
        return
    first, second = pick(names)
    if first == second:
        pieces.empty("A version is as it is.", "Choose two different ones.")
        return
    main = document.main_metric
    if SHADOW in (first, second):
        st.caption("A shadow log is not summarised: it is compared row by row, below.")
    else:
        beside.section(key, document.task, main, first, second, shown)
    st.header("On the same rows")
    if document.labels is None and document.predictions.columns.label is None:
        pieces.empty("This model has no labels.", "Without them nobody knows which version is right: map `labels`.")
        return
    if document.predictions.columns.timestamp is None:
        pieces.empty("The log has no real time.", "Map `predictions.columns.timestamp` in the fleet file.")
        return
    arguments = {"champion": first, "challenger": second, "start": shown.start.isoformat(), "metric": main}
    if not shown.words.startswith("last"):
        arguments["end"] = shown.end.isoformat()
    comparison.section(key, arguments, shown)


chosen, over = model(), span()
what_changed(chosen, over)
if chosen is None:
    st.caption(escape("Choose a model above to compare two of its versions."))
else:
    page(chosen, over)
