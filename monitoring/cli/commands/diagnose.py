"""why performance fell, and whether retraining is likely to help"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from monitoring import evaluate
from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.cli.options import add_as_of, add_fleet, add_json, add_model, add_span, together
from monitoring.core.diagnosis.diagnosis import as_document
from monitoring.core.diagnosis.words import cause, lines, sentence
from monitoring.diagnose import on_demand
from monitoring.evaluate import Scope


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_fleet(parser)
    add_model(parser, required=True)
    add_span(parser, "diagnose the time from T on (default: the breach that goes on)", "until T")
    add_as_of(parser)
    add_json(parser, "the diagnosis")


def run(options: Namespace) -> int:
    """A model of a fleet file is evaluated first, where no span of time is given."""
    span = together(options.start, options.end, "diagnose")
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
