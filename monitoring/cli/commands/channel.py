"""send a test through a channel, from here and now"""

from __future__ import annotations

import os
import sys
import uuid
from argparse import ArgumentParser, Namespace

from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.notifiers.outcome import Delivered
from monitoring.sender import deliver, http_of
from monitoring.settings import load
from monitoring.store import channels
from monitoring.store.database import reading


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("action", choices=("test",), help="what to do with it")
    parser.add_argument("name", metavar="NAME", help="the channel, by its name")


def run(options: Namespace) -> int:
    """1 where it did not arrive."""
    settings = load()
    with reading(open_store(settings)) as session:
        document = channels.document(session, options.name)
    notification = channels.test_notification(f"test-{uuid.uuid4().hex}", terminal.actor(), terminal.now())
    found = deliver(document, notification, http_of(settings, terminal.now), os.environ)
    if isinstance(found, Delivered):
        print(f"{options.name}: delivered" + (f" ({found.note})" if found.note else ""))
        return 0
    print(f"{options.name}: not delivered: {found.reason}", file=sys.stderr)
    return 1
