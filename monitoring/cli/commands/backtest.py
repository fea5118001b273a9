"""what other thresholds would have done, by the stored verdicts"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring.backtest import back_test
from monitoring.cli import backtest_report, terminal
from monitoring.cli.opening import open_store
from monitoring.store.database import reading


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--model", metavar="K", help="the model whose own threshold is another one")
    parser.add_argument("--check", metavar="C", help="the check that it is of")
    parser.add_argument("--column", metavar="N", help="only this column's")
    parser.add_argument("--method", metavar="M", help="only this stattest's")
    parser.add_argument("--warning", type=float, metavar="X", help="warn beyond X")
    parser.add_argument("--breached", type=float, metavar="X", help="breached beyond X")
    parser.add_argument("--min-rows", type=int, metavar="N", help="judge no window of fewer rows")
    parser.add_argument("--false-alarms", type=float, metavar="X", help="the budget of a drift check, a quarter")
    parser.add_argument("--for", dest="wait", metavar="2h", help="how long it must be bad before it fires")
    parser.add_argument("--keep-firing-for", dest="keep", metavar="2h", help="how long good before it is resolved")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="rules and thresholds of a fleet file instead")
    parser.add_argument("--days", type=int, default=90, metavar="N", help="how far to look back (default: 90)")
    parser.add_argument("--zone", default="UTC", help="whose nights, where no team with a zone has the model")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")


def run(options: Namespace) -> int:
    """Before and after, side by side."""
    with reading(open_store()) as session:
        proposal = backtest_report.proposal(session, options)
        found = back_test(session, proposal, options.days, terminal.now(), options.zone)
    if options.json:
        print(json.dumps(backtest_report.as_json(found), indent=1, allow_nan=False))
    else:
        terminal.print_lines(backtest_report.lines(found))
    return 0
