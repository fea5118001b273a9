"""The command line: python -m monitoring <command>. Each command is a file of cli/commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from monitoring import __version__
from monitoring.cli import commands
from monitoring.errors import LeewayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. 2: the input could not be used, and stderr says why."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    known = commands.names()
    called = [words[0]] if words and words[0] in known else known
    options = parser_of(called).parse_args(words)
    try:
        return commands.command(options.command).run(options)
    except LeewayError as error:
        print(f"leeway: {error.sentence}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone: `leeway export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parser_of(names: Iterable[str]) -> argparse.ArgumentParser:
    """Of some commands: none is imported that is not called."""
    parser = argparse.ArgumentParser(
        prog="python -m monitoring", description="Leeway: watch models after they are deployed."
    )
    parser.add_argument("--version", action="version", version=__version__)
    actions = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in names:
        command = commands.command(name)
        command.arguments(actions.add_parser(name, help=command.__doc__, description=command.__doc__))
    return parser


if __name__ == "__main__":
    sys.exit(main())
