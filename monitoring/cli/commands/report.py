"""an Evidently report (HTML) of a window against the reference"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.cli.options import add_fleet, add_model, add_moment, add_span, together
from monitoring.settings import load


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_fleet(parser)
    add_model(parser, required=True)
    add_span(parser, "the window begins at T", "and ends at T", required=True)
    add_moment(parser, "--reference-from", "compare with the window that begins at T (default: the reference)")
    add_moment(parser, "--reference-to", "and ends at T")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: <model>.html)")


def run(options: Namespace) -> int:
    """Prints the file's name."""
    from monitoring.evidently.report import create  # Evidently takes 10 s to import

    watched = opened(options.fleet, options.model)[1][0]
    other = together(options.reference_from, options.reference_to, "report", "--reference-from and --reference-to")
    terminal.progress_of(watched.key)(0.0, "building the report (Evidently takes some 10 s to start)")
    window = (options.start, options.end)
    made = create(watched.model, watched.base, window, other, load().home / "reports")
    out = options.out or Path(f"{watched.key}.html")
    out.write_bytes(made.read_bytes())
    print(out)
    return 0
