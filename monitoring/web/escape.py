"""User strings (model, feature, category, reason) before they reach Markdown, which would load images from anywhere."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")
_LINKED = re.compile(r"(?i)(https?:(?=//)|\bwww(?=\.)|@)")
"""Where Markdown would make a link of plain text by itself. It does so after it has read the escapes."""
_JOINER = "\u2060"
"""Takes no room, and parts what would be a link."""
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\\`]+")


def escape(text: object) -> str:
    """A string that Markdown shows as it is, on one line, without a link."""
    one_line = _LINKED.sub(rf"\1{_JOINER}", " ".join(str(text).split()))
    return _SPECIAL.sub(r"\\\1", one_line)


def link(address: str) -> str:
    """A web address as a link; what is none, as text."""
    return f"[{escape(address)}]({address})" if _ADDRESS.fullmatch(address) else escape(address)


def plain(text: object) -> str:
    """A string that a Plotly label shows as it is: it would draw tags and links."""
    return " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
