"""Thresholds: What pages us, and how noisy would a change be?

icon: tune
order: 2
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from monitoring.core.backtest import BackTest
from monitoring.errors import LeewayError
from monitoring.fleet.thresholds import WAITS, same, with_own
from monitoring.in_force import InForce
from monitoring.web import (
    cached,
    edits,
    pieces,
    revision_history,
    said,
    span,
    threshold_form,
    threshold_preview,
    threshold_table,
    thresholds,
)
from monitoring.web.access import require
from monitoring.web.before_after import DAYS
from monitoring.web.escape import escape

require("viewer")

VIEWS = ("Checks", "Fleet-wide rules", "History")
SCOPES = ("This model", "All models of a rule")


def page() -> None:
    """One of the three views."""
    said.told()
    view = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    if view == "History":
        revision_history.show(thresholds.history(), "thresholds")
    elif view == "Fleet-wide rules":
        of_fleet()
    else:
        checks()


def checks() -> None:
    """The table, and the chosen check with what a change would do."""
    every = thresholds.in_force()
    model = span.model()
    found = [one for one in every if model in (None, one.model)]
    if not found:
        nothing(model)
        return
    threshold_table.show(found, model is None, choose)
    if model is None:
        st.caption("Pick a row to change it, or choose a model above.")
        return
    by_label = {threshold_table.label(one): one for one in found}
    st.header("Change a threshold")
    label = st.selectbox(
        "Check", list(by_label), index=None, key="check", bind="query-params", placeholder="Choose a check",
        label_visibility="collapsed", width=460,
    )  # fmt: skip
    if label in by_label:
        change(by_label[label])


def nothing(model: str | None) -> None:
    """The empty states: no model at all, none judged yet."""
    if not cached.entries():
        pieces.empty(
            "No model is watched yet.", "Add one, and its checks are listed here with their thresholds.",
            "configure/models_and_logs.py", "Models and logs",
        )  # fmt: skip
    elif model is None:
        pieces.empty("No model was evaluated yet.", "The worker evaluates every model in turn; look again in a minute.")
    else:
        pieces.empty(
            f"{model} has no verdict yet.", "Is its log arriving? The worker evaluates it in turn.",
            "configure/models_and_logs.py", "Models and logs",
        )  # fmt: skip


def choose(one: InForce) -> None:
    """A row was picked."""
    st.session_state["model"] = one.model
    st.session_state["check"] = threshold_table.label(one)


def change(one: InForce) -> None:
    """Edit a check; what it would have done is shown at once."""
    document = next(e.document for e in cached.entries() if e.key == one.model)
    with st.container(border=True):
        st.markdown(f"**{escape(threshold_table.origin(one).capitalize())}.** {escape(one.reason)}")
        scope = st.segmented_control("For", SCOPES, default=SCOPES[0], required=True, key="scope")
        if scope == SCOPES[1]:
            rule_form(one, {})
            return
        before = list(document.get("thresholds") or [])
        about = threshold_form.about_of(one)
        own = next((t for t in reversed(before) if same(t, about)), {})
        key = f"own-{one.model}-{threshold_table.label(one)}"
        without = bool(own) and st.checkbox("Without a value of its own", key=f"{key}-without")
        values = None if without else threshold_form.levels(one, own, key)
        if not values and not without:
            st.caption("Set a level, or how long to wait, to see what it would have done.")
            return
        after = with_own(before, about, values)
        if after == before:
            st.caption("As it is. Change a level to see what that would have done.")
            return
        found = previewed({one.model: after}, None, one)
        if found is None:
            return
        draw(one, found, values or {})
        edits.saving("model", one.model, before, after)


def previewed(
    models: dict[str, list[dict[str, Any]]], rules: list[dict[str, Any]] | None, one: InForce
) -> tuple[BackTest, int] | None:
    """What it would have done, over the days that are chosen; None, and why, where the values are no threshold."""
    days = st.segmented_control(
        "Over the last", DAYS, default="30 days", required=True, key="days", bind="query-params"
    )
    try:
        return thresholds.back_test(models, rules, DAYS[days]), DAYS[days]
    except LeewayError as error:
        said.show_problems(error)
        return None


def draw(one: InForce, found: tuple[BackTest, int], values: dict[str, Any]) -> None:
    """Figures, and the series of the chosen model."""
    result, days = found
    threshold_preview.figures(result, days, one.check)
    if len(result.models) > 1:
        threshold_preview.models(result)
    mine = next((d for d in result.models if d.model == one.model), None)
    if mine is not None:
        threshold_preview.chart(one, mine, result, (values.get("warning"), values.get("breached")))


def of_fleet() -> None:
    """The rules, and the chosen one."""
    documents = {d["key"]: d for d in thresholds.rule_documents()}
    if not documents:
        pieces.empty(
            "There is no fleet-wide rule yet.",
            "Choose a model and a check under Checks, then All models of a rule. Or write them into the fleet file.",
        )
        return
    threshold_table.rules(list(documents.values()), cached.entries())
    st.header("Change a rule")
    key = st.selectbox(
        "Rule", list(documents), index=None, key="rule", bind="query-params", placeholder="Choose a rule",
        label_visibility="collapsed", width=460,
    )  # fmt: skip
    if key not in documents:
        return
    document = documents[key]
    every = thresholds.in_force()
    one = next((i for i in every if i.rule == key), None) or next(
        (i for i in every if i.check == document["check"] and document.get("column") in (None, i.column)), None
    )
    if one is None:
        st.caption("No model has this check, so there is nothing to look back on.")
        return
    with st.container(border=True):
        rule_form(one, document)


def rule_form(one: InForce, document: dict[str, Any]) -> None:
    """Edit a rule, new where there is no document; what it would have done for all its models."""
    entries = cached.entries()
    key = f"rule-{document.get('key', threshold_table.label(one))}"
    name = str(document.get("key", ""))
    if not document:
        proposed = threshold_form.slug(threshold_table.label(one))
        name = threshold_form.slug(st.text_input("Name of the rule", proposed, key=f"{key}-name", live=True) or "")
    start = document.get("matchers") or ({} if document else _owner(one, entries))
    chosen = threshold_form.matchers(entries, start, key)
    fields = ("warning", "breached", "min_rows", "direction", "false_alarms_per_quarter", *WAITS)
    if threshold_form.listed(start) == chosen:
        chosen = start  # as it was written
    values = threshold_form.levels(one, {k: document[k] for k in fields if k in document}, key)
    remove = bool(document) and st.checkbox("Take the rule away", key=f"{key}-gone")
    if not values and not remove:
        st.caption("Set a level to see what it would have done.")
        return
    of_fleet_now = thresholds.rule_documents()
    taken = {d["key"] for d in of_fleet_now}
    if not document and name in taken:
        st.error(escape(f"A rule is called {name} already. Change it under Fleet-wide rules."), icon=":material/error:")
        return
    rest = {k: v for k, v in document.items() if k not in (*fields, "matchers")} if document else {
        "key": name, **threshold_form.about_of(one)
    }  # fmt: skip
    new = {**rest, **({"matchers": chosen} if chosen else {}), **values}
    after = [] if remove else [new]
    rules = [d for d in of_fleet_now if d["key"] != name] + after
    if document and not remove:
        rules = [new if d["key"] == name else d for d in of_fleet_now]
    if after == [document]:
        st.caption("As it is. Change a level or a match to see what that would have done.")
        return
    found = previewed({}, rules, one)
    if found is None:
        return
    if found[0].models or found[0].skipped:
        draw(one, found, {} if remove else values)
    else:
        st.caption("It changes nothing now: no model fits, or those that fit have a value of their own, or the same.")
    edits.saving("rule", name, [document] if document else [], after, "save-rule")


def _owner(one: InForce, entries: Any) -> dict[str, list[str]]:
    """A new rule begins with the models of the same owner."""
    return {"owner": [one.owner]} if one.owner else {}


page()
