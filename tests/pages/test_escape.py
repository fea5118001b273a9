"""What users wrote reaches Markdown as they wrote it."""

from __future__ import annotations

import re

import pytest

from monitoring.web.escape import escape, link

AUTOLINKS = re.compile(r"(?i)https?://\S|www\.\w|[-.\w+]+@[-\w]+\.\w")
"""What GitHub's Markdown makes a link of by itself, once the escapes are read (GFM, section 6.9)."""


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/x",
        "See HTTP://example.org, or www.example.org, or WWW.Example.org.",
        "a.b+c@example.org",
        "(https://example.org)",
        "![x](https://example.org/x.png)",
    ],
)
def test_no_link_is_made_of_plain_text(text: str) -> None:
    read = re.sub(r"\\(.)", r"\1", escape(text))  # as Markdown reads it, before it looks for addresses
    assert not AUTOLINKS.search(read)
    assert read.replace("\u2060", "") == text


def test_text_without_an_address_is_left_whole() -> None:
    assert "\u2060" not in escape("p99 < 20 ms: http 500, wwwx, 5 % of *all* rows")


@pytest.mark.parametrize(
    ("address", "links"),
    [
        ("https://runbooks.example.org/delays?a=1#b", True),
        ("javascript:alert(1)", False),
        ("https://example.org/) ![x](https://example.org/x.png", False),
        ("call the desk", False),
    ],
)
def test_only_a_web_address_becomes_a_link(address: str, links: bool) -> None:
    assert link(address).startswith("[") == links
    assert link(address).endswith(f"]({address})") == links
