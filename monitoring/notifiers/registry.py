"""The kinds of channels, found by being there: a new one is one new file with a `@channel` class."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError

from monitoring.errors import ChannelError
from monitoring.notifiers.channel import Channel

_KINDS: dict[str, type[Channel]] = {}
C = TypeVar("C", bound=type[Channel])


def channel(kind: str, *, title: str) -> Callable[[C], C]:
    """Register a class under the word that `kind` has in the fleet file."""

    def register(found: C) -> C:
        found.title = title
        _KINDS[kind] = found
        return found

    return register


def kinds() -> dict[str, type[Channel]]:
    """Every kind of channel, by name."""
    _discover()
    return dict(sorted(_KINDS.items()))


def help_of(kind: str) -> str:
    """What a kind is, and how it is set up: its docstring."""
    return inspect.cleandoc(kinds()[kind].__doc__ or "")


def parse(document: Any, where: str = "channels") -> Channel:
    """A channel of its document. Raises ChannelError naming every field that cannot be used."""
    if not isinstance(document, dict):
        raise ChannelError("is not a channel", where=where, mend="Write name, kind and the fields of the kind.")
    name = str(document.get("name") or where)
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds():
        raise ChannelError(f"no kind of channel is called {kind!r}", where=name, mend=f"Known: {', '.join(kinds())}.")
    try:
        return kinds()[kind].model_validate(document)
    except ValidationError as error:
        found = ChannelError(
            "; ".join(words(problem) for problem in error.errors(include_input=False, include_url=False)) + ".",
            where=f"channel {name}", mend="See docs/notifications.md.",
        )  # fmt: skip
        raise found from None  # pydantic's own words have the values in them, which may be secret


def words(problem: Any) -> str:
    """A problem that pydantic found, for a person."""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "no such field"
    place = " › ".join(str(part) for part in problem["loc"])
    return f"{place}: {message}" if place else str(message)


@cache
def _discover() -> None:
    package = importlib.import_module("monitoring.notifiers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"monitoring.notifiers.{module.name}")
