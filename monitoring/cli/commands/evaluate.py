"""judge models now; with --fleet, without anything set up before"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime
from typing import TextIO

from sqlalchemy import Engine

from monitoring import evaluate, incidents
from monitoring.cli import terminal
from monitoring.cli.opening import opened
from monitoring.cli.options import add_as_of, add_fleet, add_json, add_model, add_span
from monitoring.core.verdict import Status, Verdict
from monitoring.errors import FleetError
from monitoring.evaluate import Scope

WORSE = {"warning": (Status.WARNING, Status.BREACHED, Status.FAILED), "breached": (Status.BREACHED, Status.FAILED)}


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    add_fleet(parser)
    add_model(parser)
    add_span(parser, "only windows that end after T", "only windows that begin before T")
    add_as_of(parser)
    add_json(parser, "every verdict")
    parser.add_argument("--fail-on", choices=tuple(WORSE), help="exit 1 when a verdict is at least that")


def run(options: Namespace) -> int:
    """1 for what --fail-on says, 2 where no model could be read."""
    if options.as_of is not None and not options.fleet:
        raise FleetError(
            "--as-of looks at what was known then, which needs throw-away state",
            where="evaluate",
            mend="Give --fleet as well; `export` writes the file.",
        )
    store, found = opened(options.fleet, options.model)
    finished = bool(options.fleet) and options.as_of is None
    scope = Scope(None, options.as_of, options.start, options.end, finished=finished)
    stream = terminal.beside(options.json)
    verdicts: list[Verdict] = []
    unusable = 0
    for watched in found:
        mine = evaluate.evaluate(store, watched, scope, terminal.now, terminal.progress_of(watched.key))
        unusable += mine[-1].status == Status.FAILED and len(mine) == 1
        verdicts += mine
        terminal.sum_up(mine, stream)
    if options.model is None:
        verdicts = _with_causes(store, verdicts, options.as_of or terminal.now(), stream)
    if options.json:
        terminal.write([v.as_json() for v in _contract(verdicts)], options.json)
    if unusable == len(found) and found:
        return 2
    wanted = WORSE[options.fail_on] if options.fail_on else ()
    return int(any(v.status in wanted and not v.provisional for v in verdicts))


def _with_causes(store: Engine, verdicts: list[Verdict], at: datetime, stream: TextIO) -> list[Verdict]:
    """Bring the incidents up to date and print them; the verdicts, with each cause named in the summings-up."""
    found = incidents.update(store, at)
    for incident in found:
        print(f"Shared cause: {incident.title(at)}.", file=stream)
    return incidents.mentioned(verdicts, found, at)


def _contract(verdicts: list[Verdict]) -> list[Verdict]:
    """As the file has them, whose shape does not change: the only objective of a kind has no column there, several have
    their names."""
    known: dict[tuple[str, str], set[str | None]] = {}
    for v in verdicts:
        if v.check.startswith("slo."):
            known.setdefault((v.model, v.check), set()).add(v.column)
    alone = {of for of, names in known.items() if len(names) == 1}
    return [v._replace(column=None) if (v.model, v.check) in alone else v for v in verdicts]
