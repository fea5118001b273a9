"""The kinds of dispatchers, found by being there: a new one is one new file with a `@dispatcher` class."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError

from monitoring.dispatchers.dispatcher import Dispatcher
from monitoring.errors import DispatcherError
from monitoring.notifiers.registry import words

_KINDS: dict[str, type[Dispatcher]] = {}
D = TypeVar("D", bound=type[Dispatcher])


def dispatcher(kind: str, *, title: str) -> Callable[[D], D]:
    """Register a class under the word that `kind` has in the fleet file."""

    def register(found: D) -> D:
        found.title = title
        _KINDS[kind] = found
        return found

    return register


def kinds() -> dict[str, type[Dispatcher]]:
    """Every kind of dispatcher, by name."""
    _discover()
    return dict(sorted(_KINDS.items()))


def help_of(kind: str) -> str:
    """What a kind is, and how it is set up: its docstring."""
    return inspect.cleandoc(kinds()[kind].__doc__ or "")


def parse(document: Any, where: str = "retraining › dispatcher") -> Dispatcher:
    """A dispatcher of its document. Raises DispatcherError naming every field that cannot be used."""
    if not isinstance(document, dict):
        raise DispatcherError("is not a dispatcher", where=where, mend="Write kind and the fields of the kind.")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds():
        raise DispatcherError(
            f"no kind of dispatcher is called {kind!r}", where=where, mend=f"Known: {', '.join(kinds())}."
        )
    try:
        return kinds()[kind].model_validate(document)
    except ValidationError as error:
        found = DispatcherError(
            "; ".join(words(problem) for problem in error.errors(include_input=False, include_url=False)) + ".",
            where=where, mend="See docs/dispatchers.md.",
        )  # fmt: skip
        raise found from None  # pydantic's own words have the values in them, which may be secret


@cache
def _discover() -> None:
    package = importlib.import_module("monitoring.dispatchers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"monitoring.dispatchers.{module.name}")
