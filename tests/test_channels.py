"""Channels as code: the fleet file, the command line, and what a document may not hold."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, select

from monitoring import fleet
from monitoring.__main__ import main
from monitoring.errors import ChannelError, FleetError
from monitoring.notifiers.admission import admit
from monitoring.notifiers.guard import Forbidden, Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.registry import parse
from monitoring.settings import VENDORS
from monitoring.store import channels, outbox
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.queries import channels as queries
from monitoring.store.tables import AuditRow
from tests.notifiers.receivers import http_receiver
from tests.patience import LONG

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SLACK = {"name": "ops-slack", "kind": "slack", "url": "${SLACK_URL}"}
PAGER = {
    "name": "pager", "kind": "pagerduty", "matchers": {"owner": ["risk", "fraud"], "severity": ["page"]},
    "routing_key": "${PAGERDUTY_KEY}",
}  # fmt: skip
HOOK = {"name": "hook", "kind": "webhook", "url": "https://a.example.com/${TOKEN}", "fallbacks": ["ops-slack"]}
MAIL = {"name": "mail", "kind": "email", "host": "mail.example.com", "sender": "a@example.com", "to": ["b@example.com"]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path}/leeway.db")
    monkeypatch.setenv("LEEWAY_HOME", str(tmp_path))
    for name in ("LEEWAY_LOOPBACK", "LEEWAY_PRIVATE_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEEWAY_OUTGOING_HOSTS", f"{VENDORS} a.example.com")
    monkeypatch.setenv("LEEWAY_MAIL_HOSTS", "mail.example.com")
    return tmp_path


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers for names; addresses are as they are written."""
    really = socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, **named: Any) -> Any:
        if any(letter.isalpha() for letter in host) and ":" not in host:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return really(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def store(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path}/c.db")
    create(engine)
    return engine


def file_of(home: Path, *documents: dict[str, Any]) -> str:
    path = home / "fleet.yaml"
    path.write_text(yaml.safe_dump({"channels": list(documents)}, sort_keys=False))
    return str(path)


def test_apply_and_export_give_the_same_channels_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = [SLACK, PAGER, HOOK, MAIL]
    assert main(["apply", file_of(home, *documents)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"channel {d['name']}: added" for d in documents]
    assert main(["export"]) == 0
    exported = capsys.readouterr().out
    assert yaml.safe_load(exported)["channels"] == documents
    (home / "again.yaml").write_text(exported)
    assert main(["apply", str(home / "again.yaml")]) == 0
    assert capsys.readouterr().out.splitlines() == [f"channel {d['name']}: unchanged" for d in documents]
    assert main(["apply", file_of(home, SLACK, HOOK), "--prune"]) == 0
    assert "channel pager: removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (SLACK | {"url": "https://hooks.slack.com/services/T0/B0/s3cr3t-s3cr3t"}, "url: write ${NAME}"),
        (PAGER | {"routing_key": "s3cr3t-s3cr3t"}, "routing_key: write ${NAME}"),
        (MAIL | {"user": "ann", "password": "s3cr3t-s3cr3t"}, "password: write ${NAME}"),
        (HOOK | {"secret": "whsec_s3cr3t-s3cr3t"}, "secret: write ${NAME}"),
        (HOOK | {"headers": {"Authorization": "Bearer s3cr3t-s3cr3t"}}, "Authorization holds a secret"),
        (HOOK | {"url": "nonsense"}, "begins with https://, not with 'nonsense'"),
        (HOOK | {"url": "javascript:alert(1)"}, "begins with https://"),
        (HOOK | {"url": "https://ann:s3cr3t-s3cr3t@a.example.com/"}, "no user name or password"),
        (SLACK | {"kind": "pigeon"}, "no kind of channel is called 'pigeon'"),
        (SLACK | {"colour": "red"}, "colour: no such field"),
        (SLACK | {"name": "Ops Slack"}, "name"),
        (SLACK | {"matchers": {"severity": ["panic"]}}, "severity"),
        ({"name": "a", "kind": "slack"}, "url"),
        (MAIL | {"to": ["nobody"]}, "no mail address"),
        (MAIL | {"to": []}, "to"),
        (MAIL | {"sender": "a@example.com\nBcc: all@example.com"}, "sender"),
        (MAIL | {"tls": "none", "user": "ann", "password": "${P}"}, "without TLS"),
        (MAIL | {"password": "${P}"}, "user and password"),
    ],
)
def test_a_document_that_cannot_be_used_says_the_field_and_no_secret(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ChannelError) as caught:
        parse(document)
    assert words in caught.value.sentence
    assert "s3cr3t" not in caught.value.sentence
    with pytest.raises(FleetError) as in_file:
        fleet.parse({"channels": [document]}, "fleet.yaml")
    assert words.partition(":")[0] in in_file.value.sentence and "s3cr3t" not in in_file.value.sentence


def test_names_are_unique_and_fallbacks_are_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", file_of(home, SLACK, SLACK)]) == 2
    assert "channel names must be unique; used twice: ops-slack" in capsys.readouterr().err
    assert main(["apply", file_of(home, HOOK)]) == 2
    assert "no channel is called 'ops-slack'" in capsys.readouterr().err
    assert main(["export"]) == 0
    assert "hook" not in capsys.readouterr().out, "all or nothing"


@pytest.mark.parametrize(
    ("owner", "severity", "names"),
    [("risk", "page", ["ops-slack", "pager"]), ("risk", "ticket", ["ops-slack"]), ("taxi", "page", ["ops-slack"])],
)
def test_who_is_told_by_default_follows_the_matchers(
    store: Engine, owner: str, severity: str, names: list[str]
) -> None:
    with transaction(store) as session:
        channels.apply(session, [parse(SLACK), parse(PAGER)], "ann", NOW)
    with reading(store) as session:
        assert channels.fitting(session, owner, severity) == names


def test_every_change_is_audited_with_references_only(store: Engine) -> None:
    with transaction(store) as session:
        channels.apply(session, [parse(SLACK)], "ann", NOW)
        channels.apply(session, [parse(SLACK | {"fallbacks": []})], "ann", NOW)
        channels.disable(session, "ops-slack", "HTTP 410", "worker", NOW)
        channels.enable(session, "ops-slack", "ann", NOW)
        channels.ask_for_test(session, "ops-slack", "t", "ann", NOW)
        channels.remove(session, "ops-slack", "ann", NOW, "moved")
    with reading(store) as session:
        rows = session.execute(select(AuditRow.action, AuditRow.actor, AuditRow.subject).order_by(AuditRow.id)).all()
    assert [tuple(row) for row in rows] == [
        ("channel added", "ann", "ops-slack"), ("channel changed", "ann", "ops-slack"),
        ("channel disabled", "worker", "ops-slack"), ("channel enabled", "ann", "ops-slack"),
        ("channel test asked for", "ann", "ops-slack"), ("channel removed", "ann", "ops-slack"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "loopback", "status", "words"),
    [
        ("200", "allowed", 0, "hook: delivered"),
        ("404", "allowed", 1, "127.0.0.1 answered HTTP 404"),
        ("200", "refused", 1, "must begin with https://"),
    ],
)
def test_a_test_from_the_command_line_says_whether_it_arrived(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    behaviour: str, loopback: str, status: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("LEEWAY_LOOPBACK", loopback)
    monkeypatch.setenv("TOKEN", "s3cr3t-s3cr3t")
    with http_receiver(behaviour) as receiver:
        hook = {"name": "hook", "kind": "webhook", "url": f"{receiver.url}/${{TOKEN}}"}
        with monkeypatch.context() as when_saved:
            when_saved.setenv("LEEWAY_LOOPBACK", "allowed")
            assert main(["apply", file_of(home, hook)]) == 0
        assert main(["channel", "test", "hook"]) == status
        out = capsys.readouterr()
        assert words in out.out + out.err and "s3cr3t" not in out.out + out.err
        assert len(receiver.requests) == (0 if loopback == "refused" else 1)


NAMES = {"a.example.com": ["93.184.216.34"], "inside.example.com": ["93.184.216.34", "10.1.2.3"]}
LISTED = {"hosts": ("*.example.com", "93.184.216.34"), "mail": ("mail.example.com",)}


def resolve(host: str, port: int) -> list[str]:
    if host[0].isdigit() or ":" in host:
        return [host]
    if host not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return NAMES[host]


@pytest.mark.parametrize(
    ("change", "reach", "words"),
    [
        ({"url": "https://a.example.com/x"}, {}, ""),
        ({"url": "https://not-yet.example.com/x"}, {}, ""),
        ({"url": "https://a.example.com/${TOKEN}/${UNSET}"}, {}, ""),
        ({"url": "${UNSET}"}, {}, ""),
        ({"url": "https://${UNSET}/x"}, {}, ""),
        ({"url": "https://a.example.com${UNSET}"}, {}, ""),
        ({"url": "https://10.0.0.8/x"}, {}, "10.0.0.8 is a private address. Only public addresses may be reached, and "
         "servers of your own: add 10.0.0.8 to LEEWAY_PRIVATE_HOSTS if it is one."),
        ({"url": "https://10.0.0.8:9443/${UNSET}"}, {}, "add 10.0.0.8:9443 to LEEWAY_PRIVATE_HOSTS"),
        ({"url": "https://10.0.0.8/x"}, {"private": ("10.0.0.8",)}, ""),
        ({"url": "http://10.0.0.8/x"}, {"private": ("10.0.0.8",)}, ""),
        ({"url": "https://127.0.0.1/x"}, {}, "LEEWAY_LOOPBACK=allowed"),
        ({"url": "https://127.0.0.1/x"}, {"loopback": True}, ""),
        ({"url": "https://[::1]/x"}, {}, "::1 is a loopback address"),
        ({"url": "https://169.254.169.254/x"}, {}, "is a link-local address. Only public addresses may be reached."),
        ({"url": "https://inside.example.com/x"}, {}, "inside.example.com: 10.1.2.3 is a private address"),
        ({"url": "https://elsewhere.org/x"}, {}, "Add elsewhere.org to LEEWAY_OUTGOING_HOSTS."),
        ({"url": "http://a.example.com/x"}, {}, "It must begin with https://."),
        ({"url": "https://10.0.0.8/${TOKEN}"}, {}, "10.0.0.8 is a private address"),
        ({"url": "https://${TOKEN}.org/"}, {}, "${TOKEN}.org is not on the list"),
    ],
)  # fmt: skip
def test_a_channel_to_where_nothing_may_be_sent_is_refused_when_it_is_saved(
    change: dict[str, str], reach: dict[str, Any], words: str
) -> None:
    http = Http(Reach(**{**LISTED, **reach}), resolve=resolve)
    channel = parse({"name": "hook", "kind": "webhook"} | change)
    if not words:
        admit({"channel hook": channel}, http, {"TOKEN": "s3cr3t"}, LONG)
        return
    with pytest.raises(Forbidden) as refused:
        admit({"channel hook": channel}, http, {"TOKEN": "s3cr3t"}, LONG)
    assert refused.value.sentence.startswith("channel hook: ")
    assert words in refused.value.sentence and "s3cr3t" not in refused.value.sentence


def test_every_channel_that_is_refused_is_named_and_mail_servers_are_asked_for_too() -> None:
    hook = parse({"name": "hook", "kind": "webhook", "url": "https://10.0.0.8/"})
    mail = parse(MAIL | {"host": "mail.elsewhere.org"})
    with pytest.raises(Forbidden) as refused:
        admit(
            {"channel hook": hook, "channel good": parse(MAIL), "channel mail": mail},
            Http(Reach(**LISTED), resolve=resolve),
            {},
            LONG,
        )
    assert "channel hook: 10.0.0.8" in refused.value.sentence
    assert "channel mail: mail.elsewhere.org:587 is not on the list" in refused.value.sentence


def test_a_file_with_such_a_channel_changes_nothing_and_one_that_is_there_is_not_asked_about_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private = {"name": "inside", "kind": "webhook", "url": "https://10.0.0.8/hook"}
    assert main(["apply", file_of(home, PAGER, private)]) == 2
    err = capsys.readouterr().err
    assert "channel inside: 10.0.0.8 is a private address" in err and "LEEWAY_PRIVATE_HOSTS" in err
    assert main(["export"]) == 0 and "pager" not in capsys.readouterr().out
    with monkeypatch.context() as when_saved:
        when_saved.setenv("LEEWAY_PRIVATE_HOSTS", "10.0.0.8")
        assert main(["apply", file_of(home, private)]) == 0
    assert main(["apply", file_of(home, PAGER, private)]) == 0
    assert "channel inside: unchanged" in capsys.readouterr().out


def test_a_test_of_a_channel_that_is_not_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["channel", "test", "nobody"]) == 2
    assert "no channel is called 'nobody'" in capsys.readouterr().err


def test_check_says_which_secrets_are_missing_and_what_may_not_be_reached(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_LOOPBACK", "allowed")
    monkeypatch.setenv("TOKEN", "s3cr3t-s3cr3t")
    fine = {"name": "fine", "kind": "webhook", "url": "http://127.0.0.1:9/${TOKEN}"}
    file = file_of(home, fine, SLACK, HOOK, MAIL)
    assert main(["apply", file]) == 0
    monkeypatch.delenv("LEEWAY_OUTGOING_HOSTS")
    monkeypatch.delenv("LEEWAY_MAIL_HOSTS")
    for command in (["check"], ["check", "--fleet", file]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert "channel fine: may be reached" in out
        assert "channel ops-slack: the environment variable SLACK_URL is not set" in err
        assert "channel hook: a.example.com is not on the list" in err and "LEEWAY_OUTGOING_HOSTS" in err
        assert "channel mail: mail.example.com:587 is not on the list" in err and "LEEWAY_MAIL_HOSTS" in err
        assert "s3cr3t" not in out + err


def test_orders_for_a_model_that_is_called_as_a_channel_is_are_no_deliveries(tmp_path: Path) -> None:
    store = connect(f"sqlite:///{tmp_path}/c.db")
    create(store)
    now = datetime(2026, 6, 1, tzinfo=UTC)
    with transaction(store) as session:
        channels.apply(session, [parse({"name": "eta", "kind": "slack", "url": "${URL}"})], "tests", now)
        outbox.put(session, "dispatch", "eta-1/1", "eta", {"reason": "test"}, "eta-1", now)
    with reading(store) as session:
        assert queries.entries(session)[0].waiting == 0
        assert queries.newest_test(session, "eta") is None
    store.dispose()
