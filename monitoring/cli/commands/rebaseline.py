"""freeze the reference anew and read the logs again"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from monitoring import rebaseline
from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.cli.options import add_model, add_span, together


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_model(parser, required=True)
    add_span(parser, "a new reference window begins at T (default: the one before)", "and ends at T")


def run(options: Namespace) -> int:
    """On another window where one is given."""
    window = together(options.start, options.end, "rebaseline")
    progress = terminal.progress_of(options.model)
    found = rebaseline.rebaseline(open_store(), options.model, window, terminal.actor(), terminal.now, progress)
    terminal.sum_up(found, sys.stdout)
    return 0
