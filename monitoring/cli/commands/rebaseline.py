"""freeze the reference anew and read the logs again"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from monitoring import rebaseline
from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.errors import FleetError


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--model", required=True)
    parser.add_argument(
        "--from", dest="start", type=terminal.moment, metavar="T", help="a new reference window begins here"
    )
    parser.add_argument("--to", dest="end", type=terminal.moment, metavar="T")


def run(options: Namespace) -> int:
    """On another window where one is given."""
    if bool(options.start) != bool(options.end):
        raise FleetError("give --from and --to together", where="rebaseline")
    window = (options.start, options.end) if options.start else None
    progress = terminal.progress_of(options.model)
    found = rebaseline.rebaseline(open_store(), options.model, window, terminal.actor(), terminal.now, progress)
    terminal.sum_up(found, sys.stdout)
    return 0
