"""A dispatcher to where nothing may be sent is refused when its model is saved, not at the first retrain."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.__main__ import main
from monitoring.dispatchers.registry import parse
from monitoring.notifiers.admission import admit
from monitoring.notifiers.guard import Forbidden, Reach
from monitoring.notifiers.http import Http

KINDS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "URL/train"},
    "github_actions": {"repository": "acme/models", "workflow": "retrain.yml", "token": "${TOKEN}", "api": "URL"},
    "airflow": {"url": "URL", "dag": "retrain", "token": "${TOKEN}"},
    "mlflow": {"url": "URL", "model": "eta"},
}


def dispatcher(kind: str, url: str, **more: Any) -> dict[str, Any]:
    fields = {name: value.replace("URL", url) for name, value in KINDS[kind].items()}
    return {"kind": kind} | fields | more


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def nobody_answers(host: str, *_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_answers)
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path}/leeway.db")
    monkeypatch.setenv("LEEWAY_OUTGOING_HOSTS", "*.example.com")
    for name in ("LEEWAY_LOOPBACK", "LEEWAY_PRIVATE_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def file_of(home: Path, *models: tuple[str, dict[str, Any]], **more: Any) -> str:
    documents = [
        {
            "key": key, "task": "regression", "retraining": retraining, "chunk": "1d",
            "predictions": {"source": "csv", "location": "a.csv", "columns": {"timestamp": "at", "prediction": "p"}},
        }
        for key, retraining in models
    ]  # fmt: skip
    path = home / "fleet.yaml"
    path.write_text(yaml.safe_dump({"models": documents} | more))
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://a.example.com", ""),
        ("https://${UNSET}", ""),
        ("https://10.0.0.8", "10.0.0.8 is a private address. Only public addresses may be reached, and servers of your "
         "own: add 10.0.0.8 to LEEWAY_PRIVATE_HOSTS if it is one."),
        ("https://169.254.169.254", "is a link-local address"),
        ("https://elsewhere.org/${TOKEN}", "Add elsewhere.org to LEEWAY_OUTGOING_HOSTS."),
        ("http://a.example.com", "It must begin with https://."),
    ],
)  # fmt: skip
def test_every_kind_with_a_server_is_asked_about_as_channels_are(kind: str, url: str, words: str) -> None:
    http = Http(Reach(hosts=("a.example.com",)), resolve=lambda host, port: ["93.184.216.34"])
    asked = {"dispatcher of eta": parse(dispatcher(kind, url))}
    if not words:
        admit(asked, http, {"TOKEN": "s3cr3t-s3cr3t"})
        return
    with pytest.raises(Forbidden) as refused:
        admit(asked, http, {"TOKEN": "s3cr3t-s3cr3t"})
    assert refused.value.sentence.startswith("dispatcher of eta: ")
    assert words in refused.value.sentence and "s3cr3t" not in refused.value.sentence


def test_where_a_webhook_is_asked_how_it_is_going_is_asked_about_too() -> None:
    http = Http(Reach(hosts=("a.example.com",)), resolve=lambda host, port: ["93.184.216.34"])
    for host, refused in (("a.example.com", False), ("elsewhere.org", True)):
        one = parse(dispatcher("webhook", "https://a.example.com", status_url=f"https://{host}/runs/{{run}}"))
        if refused:
            with pytest.raises(Forbidden, match="elsewhere"):
                admit({"it": one}, http, {})
        else:
            admit({"it": one}, http, {})


def test_a_file_with_such_a_dispatcher_changes_nothing_and_every_one_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow, mlflow = dispatcher("airflow", "https://10.0.0.8"), dispatcher("mlflow", "https://elsewhere.org")
    hook = {"name": "inside", "kind": "webhook", "url": "https://10.0.0.9/"}
    fine = {"dispatcher": dispatcher("webhook", "https://a.example.com")}
    file = file_of(home, ("fine", fine), ("eta", {"dispatcher": airflow, "registry": mlflow}), channels=[hook])
    assert main(["apply", file]) == 2
    err = capsys.readouterr().err
    assert "channel inside: 10.0.0.9 is a private address" in err
    assert "dispatcher of eta: 10.0.0.8 is a private address" in err
    assert "registry of eta: elsewhere.org is not on the list of hosts that may be reached" in err
    assert main(["export"]) == 0 and "fine" not in capsys.readouterr().out


def test_a_dispatcher_that_is_there_and_unchanged_is_not_asked_about_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside, moved = (dispatcher("airflow", f"https://10.0.0.{n}") for n in (8, 9))
    with monkeypatch.context() as when_saved:
        when_saved.setenv("LEEWAY_PRIVATE_HOSTS", "10.0.0.8")
        assert main(["apply", file_of(home, ("eta", {"dispatcher": inside}))]) == 0
    assert main(["apply", file_of(home, ("eta", {"dispatcher": inside, "labels": 10}))]) == 0
    assert "eta: changed" in capsys.readouterr().out
    assert main(["apply", file_of(home, ("eta", {"dispatcher": moved}))]) == 2
    assert "10.0.0.9" in capsys.readouterr().err


def test_what_a_command_may_be_is_asked_where_it_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEEWAY_COMMANDS", raising=False)
    command = {"kind": "command", "command": ["train"], "folder": "not-on-this-machine"}
    assert main(["apply", file_of(home, ("eta", {"dispatcher": command}))]) == 0
