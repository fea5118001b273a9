"""The terminal that a command is run in: who is there and when, and what they see."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from monitoring.core.verdict import Verdict
from monitoring.errors import SourceError
from monitoring.ingest import Progress

STDOUT = "-"
"""The name of a file that stands for standard output."""


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def actor() -> str:
    """Who is at the keyboard."""
    return f"cli:{getpass.getuser()}"


def progress_of(key: str) -> Progress:
    """One line that is written over on a terminal; nothing where nobody watches."""

    def progress(share: float, words: str) -> None:
        if sys.stderr.isatty():
            end = "\n" if share >= 1 else ""
            print(f"\r\033[K{key} {share:4.0%} {words}", end=end, file=sys.stderr, flush=True)

    return progress


def beside(out: Path | None) -> TextIO:
    """Where words for people go while a document is written to `out`."""
    return sys.stderr if str(out) == STDOUT else sys.stdout


def sum_up(found: list[Verdict], stream: TextIO) -> None:
    """Print a model's summing-up, and how many verdicts there are of each status."""
    last = found[-1]
    counts = Counter(str(v.status) for v in found)
    numbers = ", ".join(f"{n:,} {status}" for status, n in counts.most_common())
    print(f"{last.model}: {str(last.flag).upper()}. {' '.join(last.findings)}\n    {numbers}", file=stream)


def print_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Print lines, to standard output where nothing else is said."""
    print("\n".join(lines), file=stream)


def write(document: list[dict[str, Any]] | dict[str, Any], out: Path) -> None:
    """Write all of a document as JSON, or nothing. Raises SourceError."""
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    if str(out) == STDOUT:
        sys.stdout.write(text)
        return
    try:
        temporary = out.with_name(f".{out.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise SourceError(
            f"cannot be written: {error.strerror}", where=str(out), mend="Choose another place."
        ) from error
