"""start dashboard and worker; stop both with Ctrl-C"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from monitoring import up
from monitoring.cli.opening import open_store
from monitoring.demo import play
from monitoring.demo.laying import ROOT, lay
from monitoring.settings import Settings, load, variable
from monitoring.store import models
from monitoring.store.database import reading


def arguments(parser: ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--demo", action="store_true", help="load the demo fleet first, where no model is watched yet")


def run(options: Namespace) -> int:
    """Until Ctrl-C."""
    settings = load()
    store = open_store(settings)
    if options.demo:
        with reading(store) as session:
            empty = not models.export(session)
        if empty:
            lay(settings, store)
        os.environ[variable("commands")] = _with_trainer(settings)
    store.dispose()
    return up.run(settings, ROOT)


def _with_trainer(settings: Settings) -> str:
    """What commands may be run, and the one that retrains the demo's models: whoever asks for the demo, asks for it."""
    return "; ".join(filter(None, (settings.commands, play.allowed(ROOT / "data"))))
