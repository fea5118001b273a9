"""The form of a channel, made from its kind's pydantic model: a new kind needs no form of its own."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from monitoring.notifiers import registry
from monitoring.notifiers.channel import Channel
from monitoring.web.escape import escape

PREFIX = "channel_"
WORDS = {"url": "URL", "tls": "TLS"}
"""Of the fields whose name is an abbreviation."""
FIXED = ("name", "kind")
"""Not asked for by the fields of the kind: asked for before them."""


def fields(kind: str, document: dict[str, Any], prefix: str, offered: dict[str, list[str]]) -> dict[str, Any]:
    """Draw a kind's fields, filled from a document; the document that they stand for, without what is as by default.

    `offered` are proposals for lists of names, by field.
    """
    config = registry.kinds()[kind]
    own = [name for name in config.model_fields if name not in FIXED and name not in Channel.model_fields]
    shared = [name for name in Channel.model_fields if name not in FIXED]
    found: dict[str, Any] = {"name": document.get("name", ""), "kind": kind}
    return found | _draw(config, [*own, *shared], document, prefix, offered)


def _draw(
    config: type[BaseModel], names: list[str], document: dict[str, Any], prefix: str, offered: dict[str, list[str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        field = config.model_fields[name]
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = _draw(kind, list(kind.model_fields), document.get(name, {}), f"{prefix}{name}_", offered)
            if inner:
                found[name] = inner
            continue
        value = _widget(name, field, document.get(name), f"{prefix}{name}", offered.get(name, []))
        if value not in (None, "", [], {}) and value != _default(field):
            found[name] = value
    return found


def _widget(name: str, field: FieldInfo, value: Any, key: str, offered: list[str]) -> Any:
    """One field by its type."""
    kind, title = field.annotation, WORDS.get(name) or name.replace("_", " ").capitalize()
    value = _default(field) if value is None else value
    help_ = escape(field.description) if field.description else None
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        return st.selectbox(title, options, index=options.index(value) if value in options else 0, key=key, help=help_)
    if get_origin(kind) is tuple:
        empty = "all" if "None named: all" in (field.description or "") else "none"
        return _several(title, kind, list(value or []), key, help_, offered, empty)
    if get_origin(kind) is dict:
        lines = "\n".join(f"{k}: {v}" for k, v in (value or {}).items())
        text = st.text_area(title, lines, key=key, help=help_, height=80, placeholder="Name: value, a line each")
        pairs = [line.partition(":") for line in (text or "").splitlines() if line.strip()]
        return {name.strip(): rest.strip() for name, _, rest in pairs}
    if kind is int:
        number = st.number_input(title, value=value, step=1, key=key, help=help_)
        return None if number is None else int(number)
    return (st.text_input(title, value or "", key=key, help=help_, placeholder=_placeholder(field)) or "").strip()


def _several(
    title: str, kind: Any, value: list[str], key: str, help_: str | None, offered: list[str], empty: str
) -> list[str]:
    inner = get_args(kind)[0]
    options = list(get_args(inner)) if get_origin(inner) is Literal else list(dict.fromkeys([*value, *offered]))
    return st.multiselect(
        title, options, value, key=key, help=help_, placeholder=empty,
        accept_new_options=get_origin(inner) is not Literal,
    )  # fmt: skip


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return None
    found = field.get_default(call_default_factory=True)
    return list(found) if isinstance(found, tuple) else found


def _placeholder(field: FieldInfo) -> str:
    return "${NAME}" if "${NAME}" in (field.description or "") else ""
