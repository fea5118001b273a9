"""Options that several commands take: declared once, so that they are called, typed and explained alike."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from pathlib import Path

from monitoring.errors import FleetError
from monitoring.instant import instant


def add_fleet(parser: ArgumentParser) -> None:
    """`--fleet F`."""
    parser.add_argument(
        "--fleet", type=Path, metavar="F",
        help="a fleet file instead of the database; what is made of it is thrown away afterwards",
    )  # fmt: skip


def add_model(parser: ArgumentParser, *, required: bool = False) -> None:
    """`--model K`: of all models where it is not required."""
    words = "the model, by its key" if required else "only one model, by its key (default: all)"
    parser.add_argument("--model", metavar="K", required=required, help=words)


def add_span(parser: ArgumentParser, start: str, end: str, *, required: bool = False) -> None:
    """`--from T` and `--to T` as `start` and `end`, with what each is for."""
    add_moment(parser, "--from", start, dest="start", required=required)
    add_moment(parser, "--to", end, dest="end", required=required)


def add_as_of(parser: ArgumentParser) -> None:
    """`--as-of T`."""
    add_moment(parser, "--as-of", "use only rows logged and labels observed by T")


def add_moment(
    parser: ArgumentParser, flag: str, words: str, *, dest: str | None = None, required: bool = False
) -> None:
    """An option that takes a moment T."""
    parser.add_argument(flag, dest=dest, type=moment_of, metavar="T", required=required, help=words)


def add_json(parser: ArgumentParser, what: str) -> None:
    """`--json OUT`, beside what is printed for people."""
    parser.add_argument("--json", type=Path, metavar="OUT", help=f"write {what} to OUT; - is standard output")


def moment_of(text: str) -> datetime:
    """A moment as it is typed, for argparse."""
    try:
        return instant(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no moment; write 2026-05-14 or 2026-05-14T06:00:00Z") from error


def together(
    start: datetime | None, end: datetime | None, where: str, flags: str = "--from and --to"
) -> tuple[datetime, datetime] | None:
    """A span of time, None where none is given. Raises FleetError for one end alone."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise FleetError(f"give {flags} together", where=where)
    return start, end
