"""Making a silence or a maintenance window: what it matches, when, why; and what it would catch."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from monitoring.core.alerting.matcher import Matcher, any_of, parse
from monitoring.core.alerting.silence import Silence, checked
from monitoring.core.checks import CHECKS
from monitoring.errors import LeewayError
from monitoring.store import silences
from monitoring.web import cached, silence_catch
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.said import say
from monitoring.web.silence_times import PREFIX, times


def form() -> None:
    """The form, the preview below it, and the button."""
    actor = require("editor")
    with st.container(border=True):
        st.header("What is silenced?")
        found = matchers()
        st.header("When?")
        when = times()
        st.header("Why?")
        reason = st.text_input(
            "Reason",
            key=f"{PREFIX}reason",
            placeholder="Such as: the feed moves to a new host",
            live=True,
        )
    if found is None or when is None:
        return
    try:
        silence = checked(Silence(found, when.starts, when.ends, actor, (reason or "").strip() or "-", when.recurrence))
    except ValueError as error:
        st.error(escape(f"{error}."), icon=":material/error:")
        return
    ready = bool((reason or "").strip())
    if st.button("Silence", icon=":material/notifications_off:", key="silence_now", disabled=not ready):
        try:
            cached.write(lambda session: silences.add(session, silence, now()))
        except LeewayError as error:
            st.error(escape(error.sentence), icon=":material/error:")
            return
        for key in [str(k) for k in st.session_state if str(k).startswith(PREFIX)]:
            del st.session_state[key]
        st.session_state["silences_moved"] = True
        say("The silence was made.")
        st.rerun()
    if not ready:
        st.caption("A silence needs a reason.")
    silence_catch.show(silence)


def matchers() -> tuple[Matcher, ...] | None:
    """What is matched, by pickers and as text; None where the text is not right."""
    models = cached.fleet(now())
    asked = st.query_params
    options = {
        "model": sorted(m.key for m in models),
        "owner": sorted({m.owner for m in models if m.owner}),
        "check": list(CHECKS),
        "slice": cached.slice_names(),
    }
    chosen: list[Matcher] = []
    for (label, values), place in zip(options.items(), [*st.columns(2), *st.columns(2)], strict=True):
        first = [asked[label]] if asked.get(label) else []
        picked = place.multiselect(
            label.capitalize(), list(dict.fromkeys([*values, *first])), first, accept_new_options=True,
            key=f"{PREFIX}{label}", placeholder="any",
        )  # fmt: skip
        one = any_of(label, picked)
        chosen += [one] if one else []
    text = st.text_input(
        "Further matchers", key=f"{PREFIX}further", placeholder='check=~"drift.*" severity!="page"',
        help="As in Alertmanager: label=\"value\", also != =~ !~ (RE2, fitting the whole value). Labels: model, owner, "
        "check, column, slice, version, method, severity, kind.",
    )  # fmt: skip
    try:
        chosen += parse(text or "")
    except ValueError as error:
        st.error(escape(f"{error}."), icon=":material/error:")
        return None
    if not chosen:
        st.caption("Choose at least one: a silence of everything is always an accident.")
        return None
    st.markdown(f"All of these must fit: {words(chosen)}")
    return tuple(chosen)


def words(found: Sequence[Matcher]) -> str:
    """Matchers as Markdown shows them, as code."""
    return "  ".join(f"`{str(matcher).replace('`', '')}`" for matcher in found)
