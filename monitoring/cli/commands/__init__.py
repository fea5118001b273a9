"""The commands of `python -m monitoring`, one a file: a new command is one new file.

Its docstring is its help. `arguments(parser)` says what it takes, `run(options)` does it and returns the exit status.
A command is imported when it is called, and all of them for the help.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast


class Command(Protocol):
    """What a file of this folder holds."""

    __doc__: str

    def arguments(self, parser: ArgumentParser) -> None:
        """Say what it takes."""

    def run(self, options: Namespace) -> int:
        """Do it; the exit status."""


def names() -> list[str]:
    """All commands, as they are called."""
    return sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py"))


def command(name: str) -> Command:
    """A command by its name."""
    return cast(Command, import_module(f"{__name__}.{name.replace('-', '_')}"))
