"""A long piece of work in a process of its own, with its progress and a deadline.

The dashboard serves everybody from one process: what reads a log for one of them must not hold up the others, and must
be stopped when it takes too long.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, TypeVar

from monitoring.errors import LeewayError

Progress = Callable[[float, str], None]
T = TypeVar("T")
ROOT = Path(__file__).parent.parent
POLL = 0.2
"""Seconds between two looks at the clock."""
GRACE = 60.0
"""Seconds that a process which has closed its end, or was killed, may take to be gone from a busy machine."""


class TookTooLong(LeewayError):
    """Work apart was stopped at its deadline."""


class Ended(LeewayError):
    """Work apart ended without a result."""


def apart(work: Callable[..., T], *arguments: Any, seconds: float, progress: Progress | None = None) -> T:
    """What `work(*arguments)` returns or raises, done in another process.

    `work` is a function of a module; with `progress` it is given one as its last argument. Raises TookTooLong after
    `seconds`, and Ended where the process died. However this is left, the process is gone.
    """
    ours, theirs = Pipe()
    # not multiprocessing: it would run the main module again, which is the page while Streamlit runs one
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": path})
    theirs.close()
    deadline = time.monotonic() + seconds
    try:
        ours.send((work, arguments, progress is not None))
        while True:
            if not ours.poll(POLL):
                if time.monotonic() > deadline:
                    raise TookTooLong(f"it took longer than {seconds:.0f} s and was stopped")
                continue
            kind, content = ours.recv()
            if kind == "progress" and progress is not None:
                progress(*content)
            elif kind == "failed":
                raise content
            elif kind == "done":
                done: T = content
                return done
    except (EOFError, ConnectionError):
        status = process.wait(GRACE)
        why = "it ran out of memory" if status == -signal.SIGKILL else f"it ended with {status}"
        raise Ended(f"{why} before it was done", mend="The dashboard's log says more.") from None
    finally:
        process.kill()
        process.wait(GRACE)
        ours.close()


def main(pipe: Connection) -> None:
    """The other process: one piece of work, then gone."""
    work, arguments, told = pipe.recv()
    more = (lambda share, words: pipe.send(("progress", (share, words))),) if told else ()
    try:
        result = work(*arguments, *more)
    except LeewayError as error:
        pipe.send(("failed", error))
    else:
        pipe.send(("done", result))


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
