"""add or change models from a fleet file"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring import fleet
from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.notifiers.admission import admit
from monitoring.notifiers.registry import parse as parse_channel
from monitoring.sender import http_of
from monitoring.settings import load
from monitoring.store import channels, dispatches, models, oncall, rules
from monitoring.store.database import reading, transaction


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("fleet", type=Path, metavar="F", help="the fleet file")
    parser.add_argument("--prune", action="store_true", help="stop watching models that the file does not hold")


def run(options: Namespace) -> int:
    """All of the file, or nothing."""
    settings = load()
    store = open_store(settings)
    file = fleet.load_sections(options.fleet)
    base = options.fleet.resolve().parent
    reason = f"Applied from {options.fleet.name}."
    told = [parse_channel(c) for c in file.get("channels", [])]
    with reading(store) as session:
        new = {f"channel {c.name}": c for c in channels.changed(session, told)}
        new_dispatchers = dispatches.changed(session, file["models"])
    admit({**new, **new_dispatchers}, http_of(settings, terminal.now), os.environ)
    with transaction(store) as session:
        done = models.apply(session, file["models"], base, terminal.actor(), terminal.now(), reason)
        gone = [w.key for w in models.watched(session) if w.key not in done] if options.prune else []
        for key in gone:
            models.remove(session, key, terminal.actor(), terminal.now())
        done |= rules.apply(session, file.get("rules", []), terminal.actor(), terminal.now(), reason)
        done |= channels.apply(session, told, terminal.actor(), terminal.now())
        done |= oncall.apply(session, file.get("people", []), file.get("teams", []), terminal.actor(), terminal.now())
        if options.prune:
            gone += rules.prune(session, file, terminal.actor(), terminal.now(), reason)
            gone += oncall.prune(session, file, terminal.actor(), terminal.now())
            gone += channels.prune(session, file, terminal.actor(), terminal.now())
    for key, what in [*done.items(), *((key, "removed") for key in gone)]:
        print(f"{key}: {what}")
    return 0
