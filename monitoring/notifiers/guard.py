"""What an outgoing request may reach: the operator's list of hosts, at public addresses, and nothing else.

A receiver's address is written by whoever edits channels; the request comes from inside the operator's network. So the
host must be on a list that only the operator sets, every address it resolves to is checked, and the connection is made
to the address that was checked: a name that resolves differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urlsplit

from monitoring.errors import LeewayError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to all its addresses. Raises OSError."""

LOOPBACK, PRIVATE = "loopback", "private"

NETWORKS = {
    # https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025-05
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": PRIVATE,
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": LOOPBACK,
    "168.63.129.16/32": "the Azure platform's own",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": PRIVATE,
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation's",
    "192.88.99.0/24": "a 6to4 relay's",
    "192.168.0.0/16": PRIVATE,
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "documentation's",
    "203.0.113.0/24": "documentation's",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::1/128": LOOPBACK,
    "::/96": "an IPv4-compatible one",
    "64:ff9b:1::/48": "a local NAT64's",
    "100::/64": "discarded",
    "2001::/23": "reserved (Teredo and others)",
    "2001:db8::/32": "documentation's",
    "2002::/16": "a 6to4 one",
    "3fff::/20": "documentation's",
    "5f00::/16": "for segment routing",
    "fc00::/7": PRIVATE,
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
"""Addresses that are refused, and as what. Longer prefixes are found before shorter ones."""

EMBEDDING = ("::ffff:0:0/96", "64:ff9b::/96")
"""Addresses whose last 32 bits are an IPv4 address that is really reached: judged by it."""

METADATA = {
    "metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal", "metadata.azure.com",
    "metadata.tencentyun.com", "metadata.platformequinix.com", "instance-data", "instance-data.ec2.internal",
    "kubernetes", "kubernetes.default", "kubernetes.default.svc",
}  # fmt: skip
"""Names under which clouds and clusters answer with secrets to whoever is inside."""

_NETWORKS: list[tuple[IPv4Network | IPv6Network, str]] = sorted(
    ((ipaddress.ip_network(network), name) for network, name in NETWORKS.items()), key=lambda n: -n[0].prefixlen
)
_EMBEDDING = [IPv6Network(network) for network in EMBEDDING]
HTTPS = 443
MAIL_PORTS = (25, 465, 587, 2525)


class Forbidden(LeewayError):
    """An outgoing request may not go there."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the operator lets requests reach.

    `hosts` are those of webhooks: a name means port 443, name:port another one, *.name all names below it, * any name.
    `mail` are mail servers, which may lie in a private network, as most do. `loopback` lets a developer's receivers on
    this machine be reached, without TLS too. `private` are servers of the operator's own (Airflow, MLflow) that may lie
    in a private network, and be reached without TLS there.
    """

    hosts: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    loopback: bool = False
    private: tuple[str, ...] = ()

    @classmethod
    def of(cls, hosts: str, mail: str, loopback: bool, private: str = "") -> Reach:
        """From the settings' text: names with commas or spaces between them."""
        return cls(_names(hosts), _names(mail), loopback, _names(private))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes: `addresses` were checked and are to be connected to, `host` is for Host and SNI."""

    host: str
    port: int
    tls: bool
    target: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The Host header: the port is left out where it is the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (HTTPS if self.tls else 80) else f"{host}:{self.port}"


def webhook(url: str, reach: Reach, resolve: Resolve) -> Destination:
    """Where a URL leads. Raises Forbidden with the reason; OSError where the name cannot be resolved."""
    if not url.isprintable() or any(c in url for c in ' \\"<>^`{|}'):
        raise Forbidden("the URL has a character that no URL has", mend="Copy it again.")
    try:
        parts = urlsplit(url)
        host, port = _host(parts.hostname or ""), parts.port
    except (ValueError, UnicodeError) as error:
        raise Forbidden(f"the URL cannot be read: {error}", mend="Copy it again.") from error
    if parts.scheme not in ("https", "http"):
        raise Forbidden(f"the URL begins with {parts.scheme or 'nothing'}://", mend="It must begin with https://.")
    if "@" in parts.netloc:
        raise Forbidden("the URL has a user name or password in it", mend="Send it as a header, by ${NAME}.")
    if not host:
        raise Forbidden("the URL names no host", mend="Copy it again.")
    tls = parts.scheme == "https"
    port = port or (HTTPS if tls else 80)
    in_clear = Forbidden("the URL begins with http://", where=host, mend="It must begin with https://.")
    own = _listed(host, port, reach.private, (HTTPS, 80))
    permitted = ({LOOPBACK} if reach.loopback else set()) | ({PRIVATE} if own else set())
    if not tls and not own and not (reach.loopback and _is_loopback(host)):
        raise in_clear
    if _is_address(host):  # before the list: to be on it would not help
        _checked(host, port, lambda name, _: [name], permitted)
    if not own:
        check_host(host, port, reach)
    _check_name(host)
    addresses = _checked(host, port, resolve, permitted)
    if not tls and not all(_is_loopback(a) or (own and refusal(a)) for a in addresses):
        raise in_clear
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
    return Destination(host, port, tls, target, addresses)


def check_host(host: str, port: int, reach: Reach) -> None:
    """Raises Forbidden for a host that is not on the list, or never reached."""
    name = _host(host)
    _check_name(name)
    if not (reach.loopback and _is_loopback(name)) and not _listed(name, port, reach.hosts, (HTTPS,)):
        shown = name if port == HTTPS else f"{name}:{port}"
        raise Forbidden(
            f"{shown} is not on the list of hosts that may be reached", mend=f"Add {shown} to LEEWAY_OUTGOING_HOSTS."
        )


def mail_server(host: str, port: int, reach: Reach, resolve: Resolve) -> Destination:
    """Where a mail server is. Raises Forbidden with the reason; OSError where the name cannot be resolved."""
    name = _host(host)
    _check_name(name)
    if not (reach.loopback and _is_loopback(name)) and not _listed(name, port, reach.mail, MAIL_PORTS):
        raise Forbidden(
            f"{name}:{port} is not on the list of mail servers", mend=f"Add {name}:{port} to LEEWAY_MAIL_HOSTS."
        )
    return Destination(name, port, False, "", _checked(name, port, resolve, {LOOPBACK, PRIVATE}))


def refusal(address: str, permitted: frozenset[str] | set[str] = frozenset()) -> str:
    """Why an address is not to be connected to, "" where it may be: public ones, and kinds that are `permitted`."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and any(found in network for network in _EMBEDDING):
        inner = refusal(str(IPv4Address(int(found) & 0xFFFFFFFF)))
        return f"{address} embeds an address that is refused: {inner}" if inner else ""
    for network, name in _NETWORKS:
        if found.version == network.version and found in network:
            return "" if name in permitted else f"{address} is {_as_address(name)}"
    return "" if found.is_global and not found.is_multicast else f"{address} is no public address"


def _as_address(name: str) -> str:
    return f"a {name} address" if name in (LOOPBACK, PRIVATE, "link-local", "multicast", "site-local") else name


def _checked(host: str, port: int, resolve: Resolve, permitted: set[str]) -> tuple[str, ...]:
    """All the host's addresses. One that is refused refuses the host: which one is used would be chance."""
    addresses = tuple(dict.fromkeys(resolve(host, port)))
    if not addresses:
        raise OSError(f"{host} has no address")
    for address in addresses:
        if reason := refusal(address, permitted):
            where = host if host != address else ""
            raise Forbidden(reason, where=where, mend=_mend(host, port, address, permitted))
    return addresses


def _mend(host: str, port: int, address: str, permitted: set[str]) -> str:
    """What would let a refused address be reached: a setting of the operator's, or nothing."""
    mend = "Only public addresses may be reached"
    if not refusal(address, permitted | {PRIVATE}):
        shown = host if port in (HTTPS, 80) else f"{host}:{port}"
        return f"{mend}, and servers of your own: add {shown} to LEEWAY_PRIVATE_HOSTS if it is one."
    if not refusal(address, permitted | {LOOPBACK}):
        return f"{mend}; receivers on this machine, for developers, by LEEWAY_LOOPBACK=allowed."
    return f"{mend}."


def _check_name(host: str) -> None:
    if host in METADATA:
        raise Forbidden(f"{host} is where a cloud or cluster keeps its secrets", mend="It is never reached.")


def _host(host: str) -> str:
    """A name as it is compared: small, without a last dot, in the letters of DNS."""
    name = host.strip("[]").rstrip(".").lower()
    return name if name.isascii() else name.encode("idna").decode("ascii")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _listed(host: str, port: int, names: tuple[str, ...], ports: tuple[int, ...]) -> bool:
    for entry in names:
        name, _, its_port = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "")
        if port != int(its_port) if its_port else port not in ports:
            continue
        if name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.lower().rstrip(".") for name in text.replace(",", " ").split())
