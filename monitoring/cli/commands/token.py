"""tokens of the API: make one, list them, revoke one"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from monitoring.cli import terminal, token_report
from monitoring.cli.opening import open_store
from monitoring.store import tokens
from monitoring.store.database import transaction


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    action = parser.add_subparsers(dest="action", required=True, metavar="action")
    new = action.add_parser("make", help="make one, and print it this one time")
    _add_name(new)
    new.add_argument(
        "--scope",
        metavar="S",
        dest="scopes",
        action="append",
        required=True,
        help="retrain:read or retrain:write; again for both",
    )
    new.add_argument("--days", type=int, metavar="N", help="how long it holds (default: until it is revoked)")
    action.add_parser("list", help="every token, without itself")
    _add_name(action.add_parser("revoke", help="refuse it from now on"))


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what it is called")


def run(options: Namespace) -> int:
    """A token is shown once, when it is made."""
    store, present = open_store(), terminal.now()
    with transaction(store) as session:
        if options.action == "make":
            until = token_report.expiry(options.days, present)
            said = [tokens.make(session, options.name, options.scopes, terminal.actor(), present, until)]
        elif options.action == "revoke":
            tokens.revoke(session, options.name, terminal.actor(), present)
            said = [f"{options.name}: revoked"]
        else:
            said = token_report.table(tokens.known(session), present)
    print("\n".join(said), flush=True)
    if options.action == "make":
        print("It is shown once, and kept nowhere: put it where it is used.", file=sys.stderr)
    return 0
