"""The process beside a command: claims it, starts it, waits for its end and writes that down. Outlives the worker.

`python -m monitoring.dispatchers.command_process FOLDER`, with the command's environment as its own.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

from monitoring.dispatchers.command_run import Run


def main(place: str) -> int:
    """Run it, unless another process has it."""
    run = Run(Path(place))
    told_to_end = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        told_to_end.set()

    signal.signal(signal.SIGTERM, end)
    job = run.read("job.json")
    beside = open(run.place / "beside.lock", "wb")  # noqa: SIM115 - as long as the process
    try:
        fcntl.flock(beside, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    if job is None or not run.claim():
        return 0
    run.write("beside.json", {"pid": os.getpid()})
    lock = open(run.place / "run.lock", "wb")  # noqa: SIM115 - it goes on as long as the command, or any of its own
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with (
            open(run.place / "order.json", "rb") as order,
            open(run.place / "stdout.txt", "wb") as out,
            open(run.place / "stderr.txt", "wb") as errors,
        ):
            child = subprocess.Popen(
                job["command"], stdin=order, stdout=out, stderr=errors, cwd=job["folder"], start_new_session=True,
                pass_fds=(lock.fileno(),),
            )  # fmt: skip
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        run.write("exit.json", {"error": f"{job['command'][0]} cannot be run: {why}"})
        return 1
    lock.close()
    run.write("child.json", {"pid": child.pid})
    code = wait(child, told_to_end, job["grace"])
    cancelled = told_to_end.is_set()
    run.write("exit.json", {"code": code} | ({"error": "It was cancelled."} if cancelled else {}))
    return 0


def wait(child: subprocess.Popen[bytes], told_to_end: threading.Event, grace: float) -> int:
    """Until it has ended, or is ended with all that it began."""
    while True:
        try:
            return child.wait(0.2)
        except subprocess.TimeoutExpired:
            if told_to_end.is_set():
                break
    _signal(child, signal.SIGTERM)
    try:
        return child.wait(grace)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)
        return child.wait()
    finally:
        _signal(child, signal.SIGKILL)  # what it began and did not end itself


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
