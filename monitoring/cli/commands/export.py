"""print the fleet as a file"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from monitoring import fleet
from monitoring.cli.opening import open_store
from monitoring.store import channels, models, oncall, rules
from monitoring.store.database import reading


def arguments(parser: ArgumentParser) -> None:
    """Nothing."""


def run(options: Namespace) -> int:
    """To standard output."""
    with reading(open_store()) as session:
        others = {"rules": rules.export(session)} | oncall.export(session) | {"channels": channels.export(session)}
        print(fleet.dump(models.export(session), **others), end="")
    return 0
