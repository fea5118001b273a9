"""Secrets of channels: stored as ${NAME} only, expanded from the environment at sending, and taken out of every word
that is kept or shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self
from urllib.parse import quote, quote_plus, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from monitoring.errors import LeewayError

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OURS = "LEEWAY_"
SHORTEST, LONG = 4, 16
"""Letters from which a value, or a piece of a URL's path, is taken out of words: shorter ones stand in other words."""


class NotSet(LeewayError):
    """An environment variable that a channel refers to is not set."""


class Expanded:
    """Marks a field in which ${NAME} stands for an environment variable. In all others it is plain text."""


def _only_a_reference(text: str) -> str:
    if text and not REFERENCE.fullmatch(text):
        raise ValueError("write ${NAME}, and set the environment variable NAME where the worker runs")
    return text


Secret = Annotated[str, AfterValidator(_only_a_reference), Expanded()]
"""Nothing but ${NAME}."""
Template = Annotated[str, Expanded()]
"""Text with ${NAME} where something secret belongs."""


class Referring(BaseModel):
    """A document of the fleet file that may refer to secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def expanded(self, expand: Callable[[str], str]) -> Self:
        """The same with secrets in the place of their references. What it gives is never stored or shown."""
        values: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            if any(isinstance(mark, Expanded) for mark in field.metadata):
                value = getattr(self, name)
                values[name] = {k: expand(v) for k, v in value.items()} if isinstance(value, dict) else expand(value)
        return self.model_copy(update=values)


def references(text: str) -> list[str]:
    """The names that a text refers to."""
    return REFERENCE.findall(text)


class Secrets:
    """The environment, and what was taken from it so far."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._taken: dict[str, str] = {}

    def expand(self, text: str) -> str:
        """Put values in the place of references. Raises NotSet."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith(OURS):  # the database's password is among them
                raise NotSet(f"{name} is a setting of Leeway's, no secret of a channel", mend="Use another name.")
            if not self._environment.get(name):
                raise NotSet(f"the environment variable {name} is not set", mend=f"Set {name} where the worker runs.")
            self._taken[name] = self._environment[name]
            return self._environment[name]

        return REFERENCE.sub(value, text)

    def redact(self, text: str) -> str:
        """Take every value that was expanded out of a text, in the ways it may be written."""
        written = [(form, name) for name, value in self._taken.items() for form in _forms(value)]
        for form, name in sorted(written, key=lambda pair: -len(pair[0])):
            text = text.replace(form, f"${{{name}}}")
        return text


def _forms(value: str) -> set[str]:
    parts = urlsplit(value) if "://" in value else None
    bare = {value, value.strip()}
    if parts is not None:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        bare |= {path, parts.query, *(piece for piece in parts.path.split("/") if len(piece) >= LONG)}
    out = set()
    for one in bare:
        encoded = base64.b64encode(one.encode()).decode()
        out |= {one, quote(one), quote(one, safe=""), quote_plus(one), json.dumps(one)[1:-1], repr(one)[1:-1], encoded}
    return {form for form in out if len(form) >= SHORTEST}
