"""champion against challenger on the same labelled rows"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.cli.options import add_as_of, add_fleet, add_json, add_model, add_span
from monitoring.comparing.asked import Side
from monitoring.comparing.compare import compare
from monitoring.core.comparison.comparison import as_document
from monitoring.core.comparison.words import lines


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("champion", help="a version in the prediction log; shadow or shadow:V, in the shadow log")
    parser.add_argument("challenger", help="the version that is compared with it, named alike")
    add_fleet(parser)
    add_model(parser, required=True)
    add_span(parser, "only rows predicted after T", "only rows predicted before T")
    add_as_of(parser)
    parser.add_argument(
        "--metric", metavar="M", default="", help="what decides (default: the metric the model is judged by)"
    )
    add_json(parser, "the comparison")


def run(options: Namespace) -> int:
    """As lines, and as JSON where it is wanted."""
    watched = opened(options.fleet, options.model)[1][0]
    found = compare(
        watched.model, watched.base, *(Side.of(text) for text in (options.champion, options.challenger)),
        since=options.start, until=options.end, as_of=options.as_of, metric=options.metric,
        shadow=watched.model.retraining.shadow, progress=terminal.progress_of(options.model),
    )  # fmt: skip
    if options.json:
        terminal.write(as_document(found), options.json)
    terminal.print_lines(lines(found), terminal.beside(options.json))
    return 0
