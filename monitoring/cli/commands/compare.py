"""champion against challenger on the same labelled rows"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring import comparing
from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.core.comparison.comparison import as_document
from monitoring.core.comparison.words import lines


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("champion", help="a version in the prediction log; shadow or shadow:V, in the shadow log")
    parser.add_argument("challenger")
    parser.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    parser.add_argument("--model", required=True)
    parser.add_argument("--from", dest="start", type=terminal.moment, metavar="T", help="only rows predicted after T")
    parser.add_argument("--to", dest="end", type=terminal.moment, metavar="T", help="only rows predicted before T")
    parser.add_argument(
        "--as-of", type=terminal.moment, metavar="T", help="use only rows logged and labels observed by T"
    )
    parser.add_argument("--metric", default="", help="what decides (default: the metric the model is judged by)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the comparison to OUT; - is standard output")


def run(options: Namespace) -> int:
    """As lines, and as JSON where it is wanted."""
    watched = opened(options.fleet, options.model)[1][0]
    found = comparing.compare(
        watched.model, watched.base, *(comparing.Side.of(text) for text in (options.champion, options.challenger)),
        since=options.start, until=options.end, as_of=options.as_of, metric=options.metric,
        shadow=watched.model.retraining.shadow, progress=terminal.progress_of(options.model),
    )  # fmt: skip
    if options.json:
        terminal.write(as_document(found), options.json)
    terminal.print_lines(lines(found), terminal.beside(options.json))
    return 0
