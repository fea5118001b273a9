"""retrain requests: ask for one, decide on it, list them"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from monitoring.cli import terminal
from monitoring.cli.opening import open_store
from monitoring.cli.options import add_model
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.retraining import decisions, report
from monitoring.store import models, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.queries.retraining import history, requests

Decide = Callable[[Session, str, str, datetime, str], RetrainRequest]
DECISIONS: dict[str, tuple[Decide, str]] = {
    "approve": (decisions.approve, "let it be dispatched; against objections with --reason"),
    "cancel": (decisions.cancel, "end it before there is a candidate"),
    "promote": (decisions.promote, "let the candidate serve; one not known to be better with --reason"),
    "reject": (decisions.reject, "put the candidate away"),
    "roll-back": (decisions.roll_back, "let the version before serve again"),
}


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    step = parser.add_subparsers(dest="action", required=True, metavar="action")
    add_model(step.add_parser("list", help="the newest requests, and how they stand"))
    asked = step.add_parser("ask", help="request a retrain of a model")
    asked.add_argument("model", metavar="MODEL", help="the model, by its key")
    asked.add_argument("--reason", metavar="WHY", required=True, help="what is to be read in its history")
    _add_request(step.add_parser("show", help="one request with its history"))
    for name, (_, words) in DECISIONS.items():
        decided = step.add_parser(name, help=words)
        _add_request(decided)
        decided.add_argument("--reason", metavar="WHY", default="", help="what is to be read in its history")


def _add_request(parser: ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="the request, by its key")


def run(options: Namespace) -> int:
    """A table, or one request after what was done with it."""
    store, present = open_store(), terminal.now()
    if options.action == "list":
        with reading(store) as session:
            terminal.print_lines(report.table(requests(session, options.model), present))
        return 0
    said: list[str] = []
    with transaction(store) as session:
        if options.action == "ask":
            model = models.watched(session, options.model)[0]
            found, new = decisions.ask(session, model, Cause.PERSON, options.reason, terminal.actor(), present)
            said = ["Requested." if new else "There is an open request already:"]
        elif options.action == "show":
            found = retrains.one(session, options.request)
        else:
            found = DECISIONS[options.action][0](session, options.request, terminal.actor(), present, options.reason)
        said += report.lines(found, history(session, found.key))
    terminal.print_lines(said)  # what is done stays done where nobody reads on: `retrain ask … | head -1`
    return 0
