"""an Evidently report (HTML) of a window against the reference"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.errors import FleetError
from monitoring.settings import load


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    parser.add_argument("--model", required=True)
    parser.add_argument("--from", dest="start", type=terminal.moment, required=True, metavar="T")
    parser.add_argument("--to", dest="end", type=terminal.moment, required=True, metavar="T")
    parser.add_argument("--reference-from", type=terminal.moment, metavar="T", help="compare with this window instead")
    parser.add_argument("--reference-to", type=terminal.moment, metavar="T")
    parser.add_argument("--out", type=Path, help="where to write it (default: <model>.html)")


def run(options: Namespace) -> int:
    """Prints the file's name."""
    from monitoring.evidently.report import create  # Evidently takes 10 s to import

    watched = opened(options.fleet, options.model)[1][0]
    other = (options.reference_from, options.reference_to)
    if any(other) and not all(other):
        raise FleetError("give --reference-from and --reference-to together", where="report")
    terminal.progress_of(watched.key)(0.0, "building the report (Evidently takes some 10 s to start)")
    window = (options.start, options.end)
    made = create(watched.model, watched.base, window, other if all(other) else None, load().home / "reports")
    out = options.out or Path(f"{watched.key}.html")
    out.write_bytes(made.read_bytes())
    print(out)
    return 0
