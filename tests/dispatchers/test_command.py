"""The command dispatcher against real processes: started once, found again, told of, ended."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring.__main__ import main
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.report import Report, RunState
from monitoring.dispatchers.command import Command, allowed
from monitoring.dispatchers.command_run import Run, clear
from monitoring.dispatchers.dispatcher import Means
from monitoring.dispatchers.outcome import Accepted, Refused, Retry
from monitoring.dispatchers.registry import parse
from monitoring.errors import DispatcherError
from tests.dispatchers.orders import means, order
from tests.logs_of import binary_model, flights, write
from tests.waiting import until

ANY = "{python}"


def trainer(code: str, **more: Any) -> Command:
    found = parse({"kind": "command", "command": [ANY, "-c", code], **more})
    assert isinstance(found, Command)
    return found


def ended(command: Command, at: Means) -> Report:
    def look() -> Report | None:
        found = command.look(order(), "", at)
        assert isinstance(found, Report)
        return None if found.state in (RunState.QUEUED, RunState.RUNNING) else found

    report = until(look)
    assert isinstance(report, Report)
    return report


GOOD = """
import json, os, sys
order = json.load(sys.stdin)
assert order["id"] == os.environ["LEEWAY_ORDER_ID"] and order["train_until"] == os.environ["LEEWAY_ORDER_TRAIN_UNTIL"]
print("Reading the log", flush=True)
print(json.dumps({"progress": 0.4, "message": "fitting"}), flush=True)
open(os.environ["LEEWAY_ORDER_FOLDER"] + "/model.bin", "w").write("a model")
print(json.dumps({"state": "candidate", "version": "2", "metrics": {"auc": 0.81, "nan": float("nan")}, "cost": 3}))
print("Good bye")
"""


def test_it_has_the_order_tells_of_itself_and_brings_a_version_out(tmp_path: Path) -> None:
    at, command = means(tmp_path, ANY), trainer(GOOD)
    assert command.look(order(), "", at) is None
    found = command.dispatch(order(), at)
    assert found == Accepted("eta-1/1", "The command was started.")
    report = ended(command, at)
    assert (report.state, report.version, report.cost) == (RunState.CANDIDATE, "2", 3.0)
    assert report.metrics == {"auc": 0.81}, "what is no number is no metric"
    assert (Run.of(tmp_path, "eta-1/1").place / "out" / "model.bin").read_text() == "a model"


def test_what_it_tells_is_seen_while_it_goes_on(tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = (
        "import json, os, time; print(json.dumps({'progress': .25, 'message': 'epoch 1'}), flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(.01)\n"
        "print(json.dumps({'progress': .5}), flush=True); print(json.dumps({'state': 'candidate', 'version': 7}))"
    )
    at, command = means(tmp_path, ANY), trainer(code)
    command.dispatch(order(), at)

    def seen() -> Report | None:
        found = command.look(order(), "", at)
        return found if isinstance(found, Report) and found.progress else None

    assert until(seen) == Report(RunState.RUNNING, 0.25, "epoch 1")
    go.touch()
    assert ended(command, at).version == "7"


FAILURES = {
    "it fails": ("import sys; sys.exit('no rows after 2026-05')", "It ended with 1: no rows after 2026-05"),
    "it is killed": ("import os; os.kill(os.getpid(), 9)", "It was ended by signal -9."),
    "it names no version": ("print('done')", 'It ended well, but named no version: it has to print {"state": '),
    "it says so": ('print(\'{"state": "failed", "message": "one class"}\')', "one class"),
    "it fails after its candidate": ('print(\'{"state": "candidate", "version": 2}\'); 1/0', "It ended with 1: "),
    "it prints what is no JSON": ("print('{' * 5000); print('[' * 5000); print('{\"a\": 1}')", "It ended well, but "),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_reason(tmp_path: Path, name: str) -> None:
    code, words = FAILURES[name]
    at, command = means(tmp_path, ANY), trainer(code)
    command.dispatch(order(), at)
    report = ended(command, at)
    assert report.state == RunState.FAILED and report.message.startswith(words)


def test_a_program_that_is_not_there_is_a_failure_with_its_name(tmp_path: Path) -> None:
    command = parse({"kind": "command", "command": ["/no/such/program"]})
    at = means(tmp_path, "/no/such/program")
    assert isinstance(command, Command) and isinstance(command.dispatch(order(), at), Accepted)
    assert "/no/such/program cannot be run: No such file" in ended(command, at).message


def test_ordered_by_many_at_once_it_is_started_once(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('{{\"state\": \"candidate\", \"version\": 2}}')"
    at, command = means(tmp_path, ANY), trainer(code)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(command.dispatch(order(), at))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended(command, at).state == RunState.CANDIDATE
    assert isinstance(command.dispatch(order(), at), Accepted)
    until(lambda: not beside(tmp_path))
    assert (tmp_path / "starts").read_text() == "x"
    assert {type(one) for one in found} <= {Accepted, Retry} and any(isinstance(one, Accepted) for one in found)


def test_other_orders_are_other_runs(tmp_path: Path) -> None:
    assert Run.of(tmp_path, "eta-1/1").place != Run.of(tmp_path, "eta-1/2").place
    assert Run.of(tmp_path, "eta-1/1").place != Run.of(tmp_path, "eta-1-1").place
    assert Run.of(tmp_path, "../../etc").place.parent == (tmp_path / "orders").resolve()


SLEEPS = """
import json, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN) if {deaf} else None
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({place!r}, "w").write(f"{{os.getpid()}} {{own.pid}}")
print(json.dumps({{"progress": 0.1}}), flush=True)
time.sleep(600)
"""


def alive(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def beside(home: Path) -> list[str]:
    """The processes, by their command lines, that work on runs of this folder: none of them starts anything later."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if "command_process" in line and str(home) in line]


@pytest.mark.parametrize("deaf", [False, True])
def test_cancelled_it_ends_with_all_that_it_began(tmp_path: Path, deaf: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "pids"
    at, command = means(tmp_path, ANY), trainer(SLEEPS.format(deaf=deaf, place=str(place)), grace=0.5)
    command.dispatch(order(), at)
    until(lambda: place.exists() and place.read_text().count(" "))
    pids = [int(one) for one in place.read_text().split()]
    assert all(alive(one) for one in pids)
    found = command.dispatch(order(Action.CANCEL, id="eta-1/2", run="eta-1/1"), at)
    assert found == Accepted("eta-1/1", "It is being ended.")
    report = ended(command, at)
    assert (report.state, report.message) == (RunState.FAILED, "It was cancelled.")
    until(lambda: not any(alive(one) for one in pids))
    again = command.dispatch(order(Action.CANCEL, id="eta-1/2", run="eta-1/1"), at)
    assert again == Accepted("eta-1/1", "It had ended before.")


def test_cancelled_before_it_began_it_never_begins(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'starts')!r}, 'a').write('x')"
    at, command = means(tmp_path, ANY), trainer(code)
    command.dispatch(order(Action.CANCEL, id="eta-1/2", run="eta-1/1"), at)
    command.dispatch(order(), at)
    report = ended(command, at)
    assert report.message == "It was cancelled before it began."
    until(lambda: not beside(tmp_path))
    assert not (tmp_path / "starts").exists()


def test_where_the_process_beside_it_is_killed_it_goes_on_and_is_found_and_can_be_ended(tmp_path: Path) -> None:
    place = tmp_path / "pids"
    at, command = means(tmp_path, ANY), trainer(SLEEPS.format(deaf=False, place=str(place)))
    command.dispatch(order(), at)
    until(lambda: place.exists() and place.read_text().count(" "))
    run = Run.of(tmp_path, "eta-1/1")
    os.kill((run.read("beside.json") or {})["pid"], signal.SIGKILL)
    until(lambda: not run.held("beside.lock"))
    found = command.look(order(), "", at)
    assert isinstance(found, Report) and found.state == RunState.RUNNING
    assert isinstance(command.dispatch(order(), at), Accepted), "and is not started again"
    pids = [int(one) for one in place.read_text().split()]
    assert command.dispatch(order(Action.CANCEL, run="eta-1/1"), at) == Accepted("eta-1/1", "It is ended.")
    until(lambda: not any(alive(one) for one in pids))
    assert ended(command, at).message == "It was killed, or the machine was started anew."


def test_it_is_given_its_secret_and_nothing_else_of_the_workers_environment(tmp_path: Path) -> None:
    code = f"import json, os; json.dump(dict(os.environ), open({str(tmp_path / 'seen')!r}, 'w'))"
    environment = {"PATH": os.environ["PATH"], "TOKEN": "tok-123", "SLACK_URL": "s", "LEEWAY_DATABASE": "postgresql://"}
    at = means(tmp_path, ANY, environment=environment)
    command = trainer(code, environment={"HUB_TOKEN": "${TOKEN}"}).expanded(lambda t: t.replace("${TOKEN}", "tok-123"))
    command.dispatch(order(), at)
    ended(command, at)
    seen = (tmp_path / "seen").read_text()
    assert '"HUB_TOKEN": "tok-123"' in seen and "SLACK_URL" not in seen and "LEEWAY_DATABASE" not in seen
    kept = "".join(p.read_text() for p in Run.of(tmp_path, "eta-1/1").place.iterdir() if p.is_file())
    assert "tok-123" not in kept


@pytest.mark.parametrize(
    ("words", "commands", "may"),
    [
        ("{python} train.py --fast", "{python} train.py", True),
        ("{python} other.py", "{python} train.py", False),
        ("{python} -c 1", "", False),
        ("/opt/train.sh x", "{python} train.py; /opt/train.sh", True),
        ("/opt/train.shx", "/opt/train.sh", False),
        ("/opt/models/a.sh", "/opt/models/", True),
        ("/opt/models/../../bin/sh", "/opt/models/", False),
        ("train", " ; ;", False),
    ],
)
def test_what_the_operator_allows(words: str, commands: str, may: bool, tmp_path: Path) -> None:
    assert allowed(shlex.split(words), commands) is may
    if not may:
        command = parse({"kind": "command", "command": shlex.split(words)})
        found = command.dispatch(order(), means(tmp_path, commands))
        assert isinstance(found, Refused) and "LEEWAY_COMMANDS" in found.reason
        assert not (tmp_path / "orders").exists()


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "BASH_FUNC_x%%", "PATH", "LEEWAY_ORDER_ID", "x"])
def test_no_variable_can_change_what_is_run(name: str) -> None:
    with pytest.raises(DispatcherError, match="may not be set"):
        trainer("1", environment={name: "x"})


def test_it_promotes_where_it_has_a_command_for_it(tmp_path: Path) -> None:
    at = means(tmp_path, ANY)
    plain = trainer("1")
    assert plain.actions == {Action.RETRAIN, Action.CANCEL}
    assert plain.dispatch(order(Action.PROMOTE, version="2"), at) == Refused("no command is set up to promote")
    code = f"import os; open({str(tmp_path / 'serves')!r}, 'w').write(os.environ['LEEWAY_ORDER_VERSION'])"
    command = trainer("1", promote=[ANY, "-c", code])
    assert Action.PROMOTE in command.actions
    command.dispatch(order(Action.PROMOTE, version="2"), at)
    assert ended(command, at).state == RunState.DONE
    assert (tmp_path / "serves").read_text() == "2"


def test_what_ended_long_ago_is_taken_out_and_what_lives_stays(tmp_path: Path) -> None:
    at = means(tmp_path, ANY)
    over, lives = trainer("print('done')"), trainer("import time; time.sleep(600)")
    over.dispatch(order(), at)
    ended(over, at)
    lives.dispatch(order(id="eta-1/2"), at)
    until(
        lambda: isinstance(found := lives.look(order(id="eta-1/2"), "", at), Report) and found.state == RunState.RUNNING
    )
    now = datetime.now(UTC)
    assert clear(at.home, now - timedelta(days=1)) == 0
    assert clear(at.home, now + timedelta(days=1)) == 1
    assert over.look(order(), "", at) is None
    assert isinstance(lives.look(order(id="eta-1/2"), "", at), Report)
    lives.dispatch(order(action=Action.CANCEL, run="eta-1/2"), at)


def test_its_interpreter_is_that_of_the_worker(tmp_path: Path) -> None:
    code = f"import sys; open({str(tmp_path / 'which')!r}, 'w').write(sys.executable)"
    command = trainer(code)
    command.dispatch(order(), means(tmp_path, ANY))
    ended(command, means(tmp_path, ANY))
    assert (tmp_path / "which").read_text() == sys.executable


def test_check_says_what_is_allowed_and_which_secret_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(flights(3), "csv", tmp_path, "delays")
    log = {"source": "csv", "location": "delays.csv"}
    dispatcher = {"kind": "command", "command": [ANY, "train.py"]}
    hook = {"kind": "webhook", "url": "https://example.com/", "secret": "${NOT_SET_AT_ALL}"}
    made = binary_model(log, key="delays", retraining={"dispatcher": dispatcher, "registry": hook})
    (tmp_path / "fleet.yaml").write_text(json.dumps({"models": [made]}))
    monkeypatch.setenv("LEEWAY_COMMANDS", "{python} train.py")
    assert main(["check", "--fleet", str(tmp_path / "fleet.yaml")]) == 2
    said = capsys.readouterr()
    assert "dispatcher of delays: may be used" in said.out
    assert "registry of delays: the environment variable NOT_SET_AT_ALL is not set" in said.err
    monkeypatch.setenv("LEEWAY_COMMANDS", "")
    main(["check", "--fleet", str(tmp_path / "fleet.yaml")])
    assert "the operator does not allow the command {python} train.py" in capsys.readouterr().err.replace("'", "")
