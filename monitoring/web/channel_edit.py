"""Adding a channel, and changing, testing, enabling and removing one."""

from __future__ import annotations

import os
import uuid
from typing import Any

import streamlit as st

from monitoring import fleet
from monitoring.errors import LeewayError
from monitoring.notifiers import registry
from monitoring.notifiers.admission import admit
from monitoring.sender import http_of
from monitoring.settings import load
from monitoring.store import channels
from monitoring.store.queries.channels import ChannelEntry
from monitoring.web import cached, channel_form, channel_table, pieces
from monitoring.web.access import require
from monitoring.web.clock import ago, now, stamp
from monitoring.web.escape import escape
from monitoring.web.model_draft import difference
from monitoring.web.said import fail, failed, say, show_problems

NO_CHANNEL = "No channel is set up yet: alerts are seen on the dashboard alone."


def show(entries: list[ChannelEntry]) -> None:
    """Four figures, the table, and the chosen channel."""
    if not entries:
        pieces.empty(NO_CHANNEL, 'Choose "Add a channel" above, or write channels: into the fleet file.')
        return
    channel_table.figures(entries)
    channel_table.table(entries)
    by_name = {e.name: e for e in entries}
    st.header("Change or test a channel")
    name = st.selectbox(
        "Channel", list(by_name), index=None, key="channel", bind="query-params", width=400,
        placeholder="Choose a channel", label_visibility="collapsed",
    )  # fmt: skip
    if name in by_name:
        _one(by_name[name], entries)


def _one(entry: ChannelEntry, entries: list[ChannelEntry]) -> None:
    with st.container(border=True):
        if entry.disabled_at is not None:
            st.error(
                escape(f"Disabled since {stamp(entry.disabled_at)}: {entry.disabled_reason}. Nothing is sent here."),
                icon=":material/block:",
            )
        elif entry.failures:
            st.warning(
                escape(f"Failed {entry.failures:,} times, last {ago(entry.failed_at, now())}: {entry.last_error}"),
                icon=":material/warning:",
            )
        with st.container(horizontal=True):
            st.button(
                "Send a test", type="primary", icon=":material/send:", key="send_test", on_click=_test,
                args=(entry.name,), disabled=entry.disabled_at is not None,
            )  # fmt: skip
            if entry.disabled_at is not None:
                st.button("Enable", icon=":material/check:", key="enable", on_click=_enable, args=(entry.name,))
            if st.button("Remove", icon=":material/delete:", key="remove"):
                _remove_dialog(entry.name)
        failed()
        result(entry.name)
        if entry.kind not in registry.kinds():
            st.error(escape(f"No kind of channel is called {entry.kind}: is Leeway older than this channel?"))
            return
        st.markdown(escape_help(registry.help_of(entry.kind)))
        prefix = f"{channel_form.PREFIX}{entry.name}_"
        document = channel_form.fields(entry.kind, entry.document, prefix, offered(entries, entry.name))
        changed = usable(document) and not _same(document, entry.document)
        if changed:
            st.caption("Saving changes this:")
            st.code(difference(entry.document, document) or "the order of fields", language="diff")
        st.button(
            "Save", icon=":material/save:", key="save_channel", disabled=not changed, on_click=save,
            args=(document, prefix),
        )  # fmt: skip


def add(entries: list[ChannelEntry]) -> None:
    """A new channel of a chosen kind."""
    require("editor")
    kinds = registry.kinds()
    left, right = st.columns([3, 2])
    with left.container(border=True):
        failed()
        kind = st.segmented_control(
            "Kind", list(kinds), default="webhook", required=True, key="new_kind", format_func=lambda k: kinds[k].title
        )
        st.markdown(escape_help(registry.help_of(kind)))
        name = st.text_input("Name", key=f"{channel_form.PREFIX}new_name", placeholder="ops-slack",
                             help="Small letters, digits, hyphens.")  # fmt: skip
        prefix = f"{channel_form.PREFIX}new_{kind}_"
        document = channel_form.fields(kind, {"name": (name or "").strip()}, prefix, offered(entries, ""))
        taken = document["name"] in {e.name for e in entries}
        if taken:
            st.error(escape(f"A channel called {document['name']} is there already."), icon=":material/error:")
        begun = bool(document["name"]) and len(document) > 2
        good = begun and not taken and usable(document)
        st.button(
            "Save", type="primary", icon=":material/save:", key="add_channel", disabled=not good, on_click=save,
            args=(document, f"{channel_form.PREFIX}new_"),
        )  # fmt: skip
    with right.container(border=True):
        st.header("The same as YAML")
        if begun and not good:  # what was typed may be a secret, which no page shows
            st.caption("Shown once the fields hold.")
        else:
            st.code(fleet.dump([], channels=[document]).partition("\n")[2], language=None)


def usable(document: dict[str, Any]) -> bool:
    """Whether a document is a channel; says what is wrong where it is not."""
    try:
        registry.parse(document)
    except LeewayError as error:
        show_problems(error)
        return False
    return True


def _same(document: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether a channel says the same as the stored one, which an older version may have let pass."""
    try:
        return registry.parse(document) == registry.parse(stored)
    except LeewayError:
        return False


def offered(entries: list[ChannelEntry], name: str) -> dict[str, list[str]]:
    """Proposals for lists of names: owners of models, and the other channels."""
    owners = sorted({str(e.document.get("owner", "")) for e in cached.entries()} - {""})
    return {"owner": owners, "fallbacks": [e.name for e in entries if e.name != name]}


def escape_help(text: str) -> str:
    """A docstring as paragraphs, with its `code` shown as code and nothing else of Markdown."""
    parts = " ".join(text.split()).split("`")
    return "".join(
        f"`{part}`" if number % 2 else escape(part) + " " * part.endswith(" ") for number, part in enumerate(parts)
    )


@st.fragment(run_every=2)
def result(name: str) -> None:
    """What became of the newest test, as it happens."""
    found = cached.channel_test(name)
    if found is None:
        return
    when = ago(found.asked_at, now())
    if found.state == "sent":
        took = (found.sent_at - found.asked_at).total_seconds() if found.sent_at else 0.0
        note = f" {found.words}" if found.words else ""
        st.success(
            escape(f"Test asked for {when}: delivered after {took:.1f} s.{note}"), icon=":material/check_circle:"
        )
    elif found.state in ("waiting", "leased"):
        beat = cached.heartbeat()
        late = beat is None or (now() - beat).total_seconds() > pieces.LATE
        st.info(
            escape(f"Test asked for {when}: " + ("the worker has stopped." if late else "on its way.")),
            icon=":material/schedule_send:",
        )
    else:
        st.error(escape(f"Test asked for {when}: not delivered. {found.words}"), icon=":material/error:")


def save(document: dict[str, Any], forget: str) -> None:
    """Keep a channel. Where it fails, the reason is kept for the page and nothing that was typed is lost."""
    actor, present = require("editor"), now()
    try:
        channel = registry.parse(document)
        admit({f"channel {channel.name}": channel}, http_of(load(), now), os.environ)
        done = cached.write(lambda session: channels.apply(session, [channel], actor, present))
    except LeewayError as error:
        fail(error)
        return
    for key in [str(k) for k in st.session_state if str(k).startswith(forget)]:
        del st.session_state[key]
    st.session_state.update(view="Channels", channel=document["name"], moved=True)
    say(", ".join(f"{name}: {what}" for name, what in done.items()))


def _test(name: str) -> None:
    actor, present = require("editor"), now()
    identity = f"test-{uuid.uuid4().hex}"
    cached.write(lambda session: channels.ask_for_test(session, name, identity, actor, present))


def _enable(name: str) -> None:
    actor, present = require("editor"), now()
    cached.write(lambda session: channels.enable(session, name, actor, present))
    say(f"{name} is enabled again.")


@st.dialog("Remove a channel")
def _remove_dialog(name: str) -> None:
    """Take a channel away, after a reason was given."""
    st.markdown(f"Nothing is sent through **{escape(name)}** any more. What waits for it is told elsewhere.")
    reason = st.text_input("Reason", key="remove_reason", live=True)
    ready = bool((reason or "").strip())
    if st.button("Remove", type="primary", key="remove_now", disabled=not ready, on_click=_remove, args=(name,)):
        st.rerun()


def _remove(name: str) -> None:
    """Only with a reason, whatever the button said."""
    actor, present = require("editor"), now()
    reason = (st.session_state.get("remove_reason") or "").strip()
    if not reason:
        return
    try:
        cached.write(lambda session: channels.remove(session, name, actor, present, reason))
    except LeewayError as error:
        fail(error)
        return
    st.session_state["channel"] = None
    say(f"{name} was removed.")
