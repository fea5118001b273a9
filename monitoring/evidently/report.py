"""Evidently reports on two windows of a model's log: sampled here, built in another process, kept as a file.

Another process, because Evidently takes 6 to 15 s and some 500 MB to import, and a report can then be given up.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd

import monitoring
from monitoring.errors import LeewayError
from monitoring.evidently.cache import is_there, key, prune
from monitoring.evidently.failure import EvidentlyError
from monitoring.evidently.page import About, build
from monitoring.evidently.stattest import QUIET
from monitoring.evidently.windows import (
    Window,
    bounds_of,
    drawn,
    opened,
    reference_bounds,
    reference_reader,
    renamed,
    words,
)
from monitoring.fleet import Model, parse_model
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds
from monitoring.logs.sample import Roles

__all__ = ["About", "build", "create", "write"]

LIMIT = 20_000
TIMEOUT_SECONDS = 300

_ONE_AT_A_TIME = Lock()
"""Held while a report is built: two at once would take twice the memory and no less time."""


def create(
    model: Model,
    base: Path,
    window: Window,
    reference: Window | None,
    folder: Path,
    limit: int = LIMIT,
    seed: int = 0,
) -> Path:
    """The report that compares `window` with `reference` (None: the model's own), as an HTML file in `folder`.

    Asked for again while the logs are unchanged, it is the same file, at once. Windows are widened to whole hours;
    in a log without real time they are chunk numbers, as `core.window.moment_of` writes them. Raises EvidentlyError
    when a window has no rows or no report comes of it, and what `LogReader` raises.
    """
    now = bounds_of(model, window)
    with opened(model, base) as reader, reference_reader(model, base, reference, reader) as other:
        path = folder / f"{model.key}-{key(model, [window, reference], limit, seed, [reader, other])}.html"
        if is_there(path):
            return path
        with _ONE_AT_A_TIME:
            if not is_there(path):
                folder.mkdir(parents=True, exist_ok=True)
                then = reference_bounds(reader, reference, other is not reader)
                _create(path, (reader, now), (other, then), limit, seed)
                prune(folder, path)
        return path


def _create(
    path: Path, current: tuple[LogReader, Bounds], reference: tuple[LogReader, Bounds], limit: int, seed: int
) -> None:
    """Sample both windows and have the page written."""
    model = current[0].model
    new, roles = drawn(*current, limit, seed, "window")
    old, theirs = drawn(*reference, limit, seed, "reference")
    notices = [text for reader, _ in (current, reference) for text in (*reader.notices, *reader.bad.values())]
    about = About(
        words(reference[0].model, old, reference[1]), words(model, new, current[1]), tuple(dict.fromkeys(notices))
    )
    write(old.rename(columns=renamed(theirs, roles)), new, model, roles, about, path)


def write(reference: pd.DataFrame, current: pd.DataFrame, model: Model, roles: Roles, about: About, path: Path) -> None:
    """Build the page in another process and put it at `path`, whole or not at all. Raises EvidentlyError."""
    work = Path(tempfile.mkdtemp(prefix=".report-", dir=path.parent))
    try:
        reference.to_parquet(work / "reference.parquet")
        current.to_parquet(work / "current.parquet")
        document = {"model": _document(model), "roles": asdict(roles), "about": asdict(about)}
        (work / "model.json").write_text(json.dumps(document), encoding="utf-8")
        names = ("reference.parquet", "current.parquet", "model.json")
        _run([*(str(work / name) for name in names), str(path)], work, model.key)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Of the other process: two Parquet files and a JSON of the model in, HTML out. Says on stderr what is wrong."""
    old, new, about, out = (Path(argument) for argument in arguments)
    try:
        document = json.loads(about.read_text(encoding="utf-8"))
        said = document["about"]
        roles = document["roles"]
        page = build(
            pd.read_parquet(old),
            pd.read_parquet(new),
            parse_model(document["model"], str(about)),
            Roles(tuple(roles["features"]), tuple(roles["scores"]), roles["prediction"], roles["label"]),
            About(said["reference"], said["current"], tuple(said["notes"])),
        )
    except LeewayError as error:
        print(json.dumps({"what": error.what, "mend": error.mend}), file=sys.stderr)
        return 2
    partial = about.with_name("page.html")  # in the caller's working folder, which is removed whatever happens
    partial.write_text(page, encoding="utf-8")
    partial.replace(out)
    return 0


def _document(model: Model) -> dict[str, Any]:
    """The model as `parse_model` reads it."""
    document = model.model_dump(mode="json", by_alias=True, exclude={"chunk"})
    return document | {"chunk": {"rows": model.chunk.rows} if model.chunk.rows else model.chunk.name}


def _run(arguments: list[str], work: Path, where: str) -> None:
    """The other process. Matplotlib and the like keep their caches in `work`, not in anybody's home."""
    root = str(Path(monitoring.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([root, inherited] if inherited else [root])
    environment = {**os.environ, **QUIET, "PYTHONPATH": paths, "XDG_CONFIG_HOME": str(work), "MPLCONFIGDIR": str(work)}
    command = [sys.executable, "-m", __name__, *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EvidentlyError(
            f"the report was not done after {TIMEOUT_SECONDS} s.", where=where, mend="Ask for fewer rows (`limit`)."
        ) from error
    if done.returncode == 0:
        return
    last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}"
    try:
        said = json.loads(last)
        what, mend = said["what"], said["mend"]
    except (ValueError, TypeError, KeyError):
        what, mend = f"the report's process failed: {last}", "Ask for fewer rows, or other windows."
    raise EvidentlyError(what, where=where, mend=mend)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
