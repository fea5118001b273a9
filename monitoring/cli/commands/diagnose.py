"""why performance fell, and whether retraining is likely to help"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring import evaluate
from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.core.diagnosis.diagnosis import as_document
from monitoring.core.diagnosis.words import cause, lines, sentence
from monitoring.diagnose import on_demand
from monitoring.errors import FleetError
from monitoring.evaluate import Scope


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    parser.add_argument("--model", required=True)
    parser.add_argument("--from", dest="start", type=terminal.moment, metavar="T", help="diagnose this span of time")
    parser.add_argument(
        "--to", dest="end", type=terminal.moment, metavar="T", help="(default: the breach that goes on)"
    )
    parser.add_argument(
        "--as-of", type=terminal.moment, metavar="T", help="use only rows logged and labels observed by T"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the diagnosis to OUT; - is standard output")


def run(options: Namespace) -> int:
    """A model of a fleet file is evaluated first, where no span of time is given."""
    if bool(options.start) != bool(options.end):
        raise FleetError("give --from and --to together", where="diagnose")
    span = (options.start, options.end) if options.start else None
    progress = terminal.progress_of(options.model)
    store, (watched, *_) = opened(options.fleet, options.model)
    if options.fleet and span is None:
        scope = Scope(None, options.as_of, finished=options.as_of is None, diagnosed=False)
        evaluate.evaluate(store, watched, scope, terminal.now, progress)
    made = on_demand(store, watched, span, options.as_of, terminal.now, progress).content
    assert made is not None
    if options.json:
        said = {"advice": str(made.advice), "sentence": sentence(made), "cause": cause(made)}
        terminal.write(said | as_document(made), options.json)
    terminal.print_lines(lines(made), terminal.beside(options.json))
    return 0
