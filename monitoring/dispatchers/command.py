"""A command on the machine of the worker."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report
from monitoring.dispatchers.command_run import Run
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.dispatchers.registry import dispatcher
from monitoring.errors import DispatcherError
from monitoring.notifiers.secrets import Expanded

PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
)  # fmt: skip
"""What a command has of the worker's environment. Anything else is named in `environment`."""
MEANT_ELSE = (
    "LEEWAY_", "LD_", "DYLD_", "PYTHON", "BASH", "ENV", "PATH", "IFS", "SHELL", "PERL", "RUBY", "NODE_", "JAVA_",
    "JDK_", "GIT_", "GCONV_", "HOME", "CLASSPATH",
)  # fmt: skip
"""How names of variables begin that make a loader, a shell or an interpreter run something else."""
START = 30.0
"""Seconds that the process beside a command may take to begin."""
ROOT = Path(__file__).parents[2]


@dispatcher("command", title="Command on this machine")
class Command(Dispatcher):
    """A command on the machine of the worker: a list of arguments, no shell. `{python}` is Leeway's own interpreter.

    The operator has to allow it: `LEEWAY_COMMANDS` names what commands may begin with, such as
    `{python} train.py; /opt/models/`. It reads the order as JSON from its standard input, or from `LEEWAY_ORDER_ID`,
    `_ACTION`, `_REQUEST`, `_MODEL`, `_VERSION`, `_TRAIN_UNTIL`, `_REASON`, `_CALLBACK` and `_FOLDER` (where it may
    write). It tells how it is going by lines of JSON on its standard output: `{"progress": 0.4, "message": "epoch 4"}`,
    and before it ends `{"state": "candidate", "version": "2", "metrics": {"auc": 0.81}}`. It ends with 0; if
    not, it has failed, and the end of its standard error is the reason. It outlives the worker, and is started once,
    however often it is ordered.
    """

    pace = (1.0, 5.0)

    command: tuple[str, ...] = Field(description="Program and arguments that retrain.", min_length=1)
    promote: tuple[str, ...] = Field(default=(), description="Program and arguments that let a version serve.")
    roll_back: tuple[str, ...] = Field(
        default=(), description="Program and arguments that let the version before serve again."
    )
    reject: tuple[str, ...] = Field(
        default=(), description="Program and arguments that end a rejected version's answers beside the champion."
    )
    folder: str = Field(default=".", description="Where it is run; relative to the folder of the fleet file.")
    environment: Annotated[dict[str, str], Expanded()] = Field(
        default={}, description="Variables that it is given, what is secret as ${NAME}."
    )

    grace: float = Field(
        default=10.0, ge=0, le=600, description="Seconds between asking it to end and ending it, where it is cancelled."
    )

    @field_validator("environment")
    @classmethod
    def _no_variable_changes_what_is_run(cls, found: dict[str, str]) -> dict[str, str]:
        for name in found:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) or name.startswith(MEANT_ELSE):
                raise ValueError(f"the variable {name!r} may not be set: it could change what is run")
        return found

    @property
    def actions(self) -> frozenset[Action]:
        """What it has a command for, and to end one."""
        return frozenset({Action.CANCEL} | {action for action in Action if self._words(action)})

    @property
    def repeatable(self) -> bool:
        """It is started once, however often it is ordered."""
        return True

    def dispatch(self, order: Order, means: Means) -> Outcome:
        """Start it beside the worker, unless it was started before."""
        if order.action == Action.CANCEL:
            return cancel(Run.of(means.home, order.run), order.run)
        words = self._words(order.action)
        if not words:
            return Refused(f"no command is set up to {order.action.replace('_', ' ')}")
        if not allowed(words, means.commands):
            return Refused(_not_allowed(words))
        run = Run.of(means.home, order.id)
        if run.claimed:
            return Accepted(order.id, "The command had been started before.")
        try:
            run.prepare(order, words, (means.base / self.folder).resolve(), self.grace)
            reason = start(run, self._environment(order, run, means))
        except OSError as error:
            return Retry(f"{run.place}: {error.strerror or error}")
        return reason or Accepted(order.id, "The command was started.")

    def look(self, order: Order, run: str, means: Means) -> Report | Retry | Refused | None:
        """By what it has written, and whether it still lives."""
        return Run.of(means.home, run or order.id).report()

    def usable(self, means: Means) -> None:
        """Whether the operator allows it, and the program is there."""
        for words in map(self._words, Action):
            if words and not allowed(words, means.commands):
                raise DispatcherError(_not_allowed(words))
        place = (means.base / self.folder).resolve()
        if not place.is_dir():
            raise DispatcherError(f"the folder {place} is not there", mend="Mend `folder`.")

    def _words(self, action: Action) -> tuple[str, ...]:
        words = {
            Action.RETRAIN: self.command, Action.PROMOTE: self.promote, Action.ROLL_BACK: self.roll_back,
            Action.REJECT: self.reject,
        }  # fmt: skip
        return words.get(action, ())

    def _environment(self, order: Order, run: Run, means: Means) -> dict[str, str]:
        kept = {name: means.environment[name] for name in PASSED_ON if name in means.environment}
        document = order.as_json()
        names = ("id", "action", "request", "model", "version", "train_until", "reason", "callback")
        told_of = {f"LEEWAY_ORDER_{name.upper()}": str(document[name] or "") for name in names}
        return kept | self.environment | told_of | {"LEEWAY_ORDER_FOLDER": str(run.place / "out")}


def allowed(words: Sequence[str], commands: str) -> bool:
    """Whether a command begins with what the operator allows: whole arguments, or a program within a folder (…/)."""
    for entry in commands.split(";"):
        begin = shlex.split(entry)
        if not begin:
            continue
        if len(begin) == 1 and begin[0].endswith("/"):
            if words[0].startswith(begin[0]) and ".." not in Path(words[0]).parts:
                return True
        elif list(words[: len(begin)]) == begin:
            return True
    return False


def _not_allowed(words: Sequence[str]) -> str:
    return (
        f"the operator does not allow the command {shlex.join(words[:2])} on this machine. "
        "Add how it begins to LEEWAY_COMMANDS where the worker runs."
    )


def start(run: Run, environment: dict[str, str]) -> Retry | Unclear | None:
    """Start the process beside the command, which claims it; wait until somebody has."""
    with open(os.devnull, "r+b") as nothing:
        beside = subprocess.Popen(
            [sys.executable, "-m", "monitoring.dispatchers.command_process", str(run.place)],
            stdin=nothing, stdout=nothing, stderr=nothing, cwd=ROOT, env=environment, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + START
    while time.monotonic() < until:
        ended = beside.poll()  # before the look: it claims before it ends
        if run.claimed:
            return None
        if ended is not None:
            return Retry(f"the process beside the command ended with {ended}")
        time.sleep(0.01)
    return Unclear(f"the command has not begun within {START:g} s")


def cancel(run: Run, name: str) -> Outcome:
    """End it, or keep it from ever beginning."""
    run.place.mkdir(parents=True, exist_ok=True)
    run.write("cancelled.json", {})
    if run.claim():
        run.write("exit.json", {"error": "It was cancelled before it began."})
        return Accepted(name, "It had not begun, and never will.")
    if run.read("exit.json") is not None:
        return Accepted(name, "It had ended before.")
    beside, child = run.read("beside.json"), run.read("child.json")
    if run.held("beside.lock") and beside is not None:
        with suppress(ProcessLookupError):
            os.kill(int(beside["pid"]), signal.SIGTERM)
        return Accepted(name, "It is being ended.")
    if run.held("run.lock") and child is not None:  # the process beside it was killed: it goes on by itself
        with suppress(ProcessLookupError):
            os.killpg(int(child["pid"]), signal.SIGKILL)
    if run.held("beside.lock"):
        return Retry("the command is just beginning")
    return Accepted(name, "It is ended.")
