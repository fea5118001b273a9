"""The menu, made of what is there: pages/<section>/<page>.py. A new page is one new file.

A page says in its docstring what it is called and which question it answers, and how it stands in the menu:

    \"\"\"Fleet: What is broken now, and who has it?

    icon: dashboard
    order: 1
    \"\"\"
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGES = Path(__file__).parent.parent.parent / "pages"
SECTIONS = ("observe", "respond", "release", "configure")


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page in the menu."""

    section: str
    title: str
    question: str
    icon: str
    order: int
    path: Path

    @property
    def url(self) -> str:
        """Its path in the address."""
        return self.path.stem.replace("_", "-")


@cache
def menu() -> tuple[MenuEntry, ...]:
    """All pages, in the order of the menu."""
    found = [_entry(path) for path in PAGES.glob("*/*.py")]
    return tuple(sorted(found, key=lambda e: (SECTIONS.index(e.section), e.order, e.title)))


def _entry(path: Path) -> MenuEntry:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, question = text.partition("\n")[0].partition(": ")
    fields = dict(re.findall(r"^(icon|order): (\S+)$", text, re.MULTILINE))
    return MenuEntry(path.parent.name, title, question, fields["icon"], int(fields["order"]), path)
