"""objectives as OpenSLO or as Prometheus rules"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from monitoring import openslo
from monitoring.cli import terminal
from monitoring.cli.opening import open_store, opened
from monitoring.cli.options import add_fleet, add_model
from monitoring.errors import FleetError
from monitoring.store import models
from monitoring.store.database import transaction

FORMATS = {"openslo": openslo.export, "prometheus": openslo.prometheus}


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    action = parser.add_subparsers(dest="action", required=True, metavar="action")
    written = action.add_parser("export", help="print the objectives of all models, or of one")
    written.add_argument("--format", choices=tuple(FORMATS), default="openslo", help="(default: openslo)")
    add_model(written)
    add_fleet(written)
    taken = action.add_parser("import", help="take the objectives of OpenSLO documents for the models they name")
    taken.add_argument("file", type=Path, metavar="FILE", help="one or several documents")


def run(options: Namespace) -> int:
    """Out, or in."""
    if options.action == "import":
        return _take(options.file)
    found = opened(options.fleet, options.model)[1]
    print(FORMATS[options.format]([watched.model for watched in found]), end="")
    return 0


def _take(file: Path) -> int:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError("cannot be read", where=str(file), mend=f"Is the path right? ({error})") from error
    found = openslo.read(text, str(file))
    with transaction(open_store()) as session:
        changed = models.take_objectives(
            session, found, terminal.actor(), terminal.now(), f"Imported from {file.name}."
        )
    for key, what in changed.items():
        print(f"{key}: {what}, {len(found[key])} objectives")
    return 0
