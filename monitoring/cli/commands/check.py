"""is everything reachable? each setting with its help"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from monitoring import fleet
from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.cli.options import add_fleet
from monitoring.dispatchers.dispatcher import Means
from monitoring.errors import LeewayError
from monitoring.fleet.logs import hidden
from monitoring.logs.reader import LogReader
from monitoring.notifiers.http import Http
from monitoring.notifiers.registry import parse as parse_channel
from monitoring.notifiers.secrets import Secrets
from monitoring.sender import http_of
from monitoring.settings import HELP, Settings, load, variable
from monitoring.store import channels
from monitoring.store.database import reading
from monitoring.store.models import Watched

Look = Callable[[Secrets], str]
"""Looks at one thing, and says how it is. Raises LeewayError or OSError where it cannot be used."""


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_fleet(parser)


def run(options: Namespace) -> int:
    """Settings with their help, then the database, channels, dispatchers and logs. 2 where anything is bad."""
    settings = load()
    for name, text in HELP.items():
        print(f"{variable(name)}={hidden(str(getattr(settings, name)))}\n    {text}")
    store, found = opened(options.fleet)
    if options.fleet:
        told = fleet.load_sections(options.fleet).get("channels", [])
    else:
        with reading(store) as session:
            told = channels.export(session)
        print("database: reachable")
    http = http_of(settings, terminal.now)
    looks = [*_channels(told, http), *_dispatchers(found, settings, http), *_logs(found)]
    return 0 if all([_looked(name, look) for name, look in looks]) else 2


def _looked(name: str, look: Look) -> bool:
    """Say how one thing is, without its secrets; whether it is well."""
    secrets = Secrets(os.environ)
    try:
        print(f"{name}: {look(secrets)}")
    except (LeewayError, OSError) as error:
        words = error.sentence if isinstance(error, LeewayError) else str(error)
        print(f"{name}: {secrets.redact(words)}", file=sys.stderr)
        return False
    return True


def _channels(documents: list[dict[str, Any]], http: Http) -> Iterable[tuple[str, Look]]:
    """Whether each channel's secrets are set and its receiver may be reached; nothing is sent."""

    def look(secrets: Secrets, document: dict[str, Any]) -> str:
        parse_channel(document).expanded(secrets.expand).check(http)
        return "may be reached"

    for one in documents:
        yield f"channel {one['name']}", partial(look, document=one)


def _dispatchers(found: list[Watched], settings: Settings, http: Http) -> Iterable[tuple[str, Look]]:
    """Whether each dispatcher's secrets are set and it may be used; nothing is ordered."""

    def look(secrets: Secrets, dispatcher: Any, watched: Watched) -> str:
        means = Means(http, settings.home, watched.base, os.environ, settings.commands)
        dispatcher.expanded(secrets.expand).usable(means)
        return "may be used"

    for watched in found:
        wanted = watched.model.retraining
        for name, dispatcher in (("dispatcher", wanted.dispatcher), ("registry", wanted.registry)):
            if dispatcher is not None:
                yield f"{name} of {watched.key}", partial(look, dispatcher=dispatcher, watched=watched)


def _logs(found: list[Watched]) -> Iterable[tuple[str, Look]]:
    """Whether each model's logs are there and as they are mapped."""

    def look(_: Secrets, watched: Watched) -> str:
        reader = LogReader(watched.model, watched.base)
        try:
            for role in reader.roles:
                reader.relation(role, reader.parts(role))
        finally:
            reader.close()
        notes = [*reader.bad.values(), *reader.notices]
        return "reachable" + (f" ({'; '.join(notes)})" if notes else "")

    for watched in found:
        yield watched.key, partial(look, watched=watched)
