"""What outgoing requests may reach: the operator's hosts at public addresses, whatever the spelling."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.notifiers.guard import Forbidden, Reach, Resolve, mail_server, refusal, webhook

REACH = Reach.of("hooks.example.com, *.logic.example.net alerts.example.org:8443", "mail.example.com:587", False)
PUBLIC = "93.184.215.14"


def to(*addresses: str) -> Resolve:
    return lambda host, port: addresses


def system(host: str, port: int) -> Sequence[str]:
    """The real resolver, of numbers only: no test asks the network."""
    return [str(i[4][0]) for i in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("127.0.0.1", "loopback"), ("127.8.9.1", "loopback"), ("::1", "loopback"),
        ("10.0.0.1", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.1.1", "private"),
        ("fc00::1", "private"), ("fd00:ec2::254", "private"),
        ("169.254.169.254", "link-local"), ("fe80::1", "link-local"), ("fe80::1%eth0", "link-local"),
        ("fec0::1", "site-local"),
        ("224.0.0.1", "multicast"), ("239.255.255.250", "multicast"), ("ff02::1", "multicast"),
        ("ff0e::1", "multicast"),
        ("100.64.0.1", "carrier-grade"), ("100.127.255.255", "carrier-grade"), ("100.100.100.200", "carrier-grade"),
        ("64:ff9b::7f00:1", "embeds"), ("64:ff9b::a9fe:a9fe", "embeds"), ("64:ff9b::10.0.0.1", "embeds"),
        ("64:ff9b:1::7f00:1", "NAT64"), ("2002:7f00:1::", "6to4"), ("2002:a9fe:a9fe::1", "6to4"),
        ("::ffff:127.0.0.1", "embeds"), ("::ffff:10.1.2.3", "embeds"), ("::ffff:a9fe:a9fe", "embeds"),
        ("::127.0.0.1", "IPv4-compatible"), ("::10.0.0.1", "IPv4-compatible"), ("::", "IPv4-compatible"),
        ("168.63.129.16", "Azure"), ("::ffff:168.63.129.16", "embeds"), ("64:ff9b::168.63.129.16", "embeds"),
        ("0.0.0.0", "this network"), ("0.1.2.3", "this network"), ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"), ("192.0.0.192", "reserved"), ("192.88.99.1", "6to4"), ("198.18.0.1", "benchmarks"),
        ("192.0.2.1", "documentation"), ("203.0.113.9", "documentation"), ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"), ("2001::1", "Teredo"), ("100::1", "discarded"), ("5f00::1", "segment"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_by_its_kind(address: str, word: str) -> None:
    assert word in refusal(address)
    with pytest.raises(Forbidden):
        webhook("https://hooks.example.com/x", REACH, to(PUBLIC, address))


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_reached(address: str) -> None:
    assert refusal(address) == ""
    assert webhook("https://hooks.example.com/x", REACH, to(address)).addresses == (address,)


@given(st.ip_addresses(v=4))
def test_what_embeds_an_address_is_as_good_as_that_address(address: object) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert bool(refusal(f"{prefix}{address}")) == bool(refusal(str(address)))


@given(st.ip_addresses())
def test_nothing_is_reached_that_python_knows_to_be_private(address: object) -> None:
    if not address.is_global or address.is_multicast or address.is_loopback:  # type: ignore[attr-defined]
        assert refusal(str(address))


LOCAL = Reach.of("*", "", True)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://169.254.169.254/latest/",
        "https://[fd00:ec2::254]/latest/", "https://168.63.129.16/", "https://0/", "https://[64:ff9b::7f00:1]/",
    ],
)  # fmt: skip
def test_no_spelling_of_an_address_gets_round_the_check(url: str) -> None:
    with pytest.raises(Forbidden):
        webhook(url, Reach.of("*", "", False), system)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/x", "http://"),
        ("ftp://hooks.example.com/x", "ftp://"),
        ("file:///etc/passwd", "file://"),
        ("hooks.example.com/x", "nothing://"),
        ("https://", "no host"),
        ("https://ann:secret@hooks.example.com/", "user name or password"),
        ("https://hooks.example.com@evil.example/", "user name or password"),
        ("https://hooks.example.com\\@evil.example/", "character"),
        ("https://hooks.example.com/\r\nHost: evil", "character"),
        ("https://hooks.example.com/a b", "character"),
        ("https://hooks.example.com:99999/", "cannot be read"),
        ("https://hooks.example.com:8080/", "hooks.example.com:8080 is not on the list"),
        ("https://evil.example/", "evil.example is not on the list"),
        ("https://logic.example.net/", "not on the list"),
        ("https://evillogic.example.net/", "not on the list"),
        ("https://hooks.example.com.evil.example/", "not on the list"),
        ("https://alerts.example.org/", "not on the list"),
        ("https://metadata.google.internal/computeMetadata/v1/", "secrets"),
        ("https://METADATA.google.internal./", "secrets"),
        ("https://instance-data/latest/", "secrets"),
    ],
)
def test_a_url_that_may_not_be_reached_says_why(url: str, words: str) -> None:
    with pytest.raises(Forbidden) as caught:
        webhook(url, REACH, to(PUBLIC))
    assert words in caught.value.sentence and "secret@" not in caught.value.sentence


@pytest.mark.parametrize("name", ["metadata.google.internal", "instance-data", "metadata"])
def test_metadata_is_refused_even_where_every_host_is_on_the_list(name: str) -> None:
    with pytest.raises(Forbidden, match="secrets"):
        webhook(f"https://{name}/", LOCAL, to(PUBLIC))


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "/"),
        ("https://HOOKS.example.COM./a/b?c=d#e", "hooks.example.com", 443, "/a/b?c=d"),
        ("https://eu.logic.example.net/x", "eu.logic.example.net", 443, "/x"),
        ("https://alerts.example.org:8443/x", "alerts.example.org", 8443, "/x"),
    ],
)
def test_a_url_on_the_list_leads_where_it_says(url: str, host: str, port: int, target: str) -> None:
    found = webhook(url, REACH, to(PUBLIC))
    assert (found.host, found.port, found.target, found.tls) == (host, port, target, True)
    assert found.authority == (host if port == 443 else f"{host}:{port}")


def test_a_host_is_looked_up_once() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    webhook("https://hooks.example.com/", REACH, resolve)
    assert asked == ["hooks.example.com"]


def test_a_host_without_an_address_is_a_network_failure_not_a_refusal() -> None:
    with pytest.raises(OSError):
        webhook("https://hooks.example.com/", REACH, to())


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost:8080/x", "https://[::1]/x"])
def test_a_developer_may_allow_loopback_without_tls_and_list(url: str) -> None:
    loopback = Reach(loopback=True)
    address = "::1" if "::1" in url else "127.0.0.1"
    assert webhook(url, loopback, to(address)).addresses == (address,)
    with pytest.raises(Forbidden):
        webhook(url, Reach(), to(address))


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "169.254.169.254"])
def test_allowing_loopback_allows_nothing_else(address: str) -> None:
    with pytest.raises(Forbidden):
        webhook("http://localhost:8080/", Reach(loopback=True), to("127.0.0.1", address))
    with pytest.raises(Forbidden):
        webhook("http://hooks.example.com/", Reach.of("*:80", "", True), to(address))


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "127.0.0.1", "fd00::25"])
def test_a_mail_server_of_the_operator_may_be_in_the_private_network(address: str) -> None:
    assert mail_server("mail.example.com", 587, REACH, to(address)).addresses == (address,)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("mail.example.com", 587, "169.254.169.254"),
        ("mail.example.com", 587, "168.63.129.16"),
        ("mail.example.com", 587, "::ffff:10.0.0.1"),
        ("mail.example.com", 6379, PUBLIC),
        ("other.example.com", 587, PUBLIC),
        ("metadata.google.internal", 587, PUBLIC),
    ],
)
def test_no_other_mail_server_is_reached(host: str, port: int, address: str) -> None:
    with pytest.raises(Forbidden):
        mail_server(host, port, REACH, to(address))


OWN = Reach.of("hooks.example.com", "", False, "airflow.internal:8080 mlflow.internal")


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.7.7", "fd00::25"])
@pytest.mark.parametrize("loopback", [False, True])
def test_a_server_of_the_operators_own_is_reached_in_a_private_network_without_tls(
    address: str, loopback: bool
) -> None:
    reach = replace(OWN, loopback=loopback)
    for url in ("http://airflow.internal:8080/api", "http://mlflow.internal/", "https://mlflow.internal/"):
        assert webhook(url, reach, to(address)).addresses == (address,)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://airflow.internal:8080/", "169.254.169.254"),
        ("http://airflow.internal:8080/", "127.0.0.1"),
        ("http://airflow.internal:8080/", "::ffff:169.254.169.254"),
        ("http://airflow.internal:8080/", PUBLIC),
        ("http://airflow.internal:9090/", "10.0.0.1"),
        ("http://other.internal/", "10.0.0.1"),
        ("https://hooks.example.com/", "10.0.0.1"),
    ],
)
def test_nothing_else_of_the_private_network_is_reached(url: str, address: str) -> None:
    with pytest.raises(Forbidden):
        webhook(url, OWN, to(address))


def test_metadata_is_refused_also_where_the_operator_calls_it_his_own() -> None:
    with pytest.raises(Forbidden, match="secrets"):
        webhook("http://metadata.google.internal/", Reach.of("", "", False, "metadata.google.internal"), to("10.0.0.1"))
