"""who is on call, who is next, and where is a gap?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from monitoring.cli import terminal
from monitoring.cli.on_call_report import lines
from monitoring.cli.opening import open_store
from monitoring.cli.options import add_moment
from monitoring.store.database import reading
from monitoring.store.queries.oncall import board, known


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_moment(parser, "--at", "at this moment instead of now")


def run(options: Namespace) -> int:
    """As lines."""
    at = options.at or terminal.now()
    with reading(open_store()) as session:
        found = board(known(session, at), at)
    terminal.print_lines(lines(found, at))
    return 0
