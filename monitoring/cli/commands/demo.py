"""load the demo fleet: six models over real flights and taxis"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace

from monitoring.cli.opening import open_store
from monitoring.demo.laying import lay
from monitoring.settings import load


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--again", action="store_true", help="lay its logs down anew, beginning at the present")


def run(options: Namespace) -> int:
    """Lay its logs down, and evaluate it."""
    settings = load()
    if options.again:
        shutil.rmtree(settings.home / "demo", ignore_errors=True)
    lay(settings, open_store(settings))
    return 0
