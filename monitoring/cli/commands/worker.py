"""the worker alone: evaluate, answer requests, repeat"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.settings import load
from monitoring.worker import work


def arguments(parser: ArgumentParser) -> None:
    """Nothing."""


def run(options: Namespace) -> int:
    """Until it is told to stop."""
    settings = load()
    work(open_store(settings), settings, terminal.now)
    return 0
