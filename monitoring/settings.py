"""The settings: environment variables, each with its help. `python -m monitoring check` prints them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from monitoring.errors import LeewayError


class SettingsError(LeewayError):
    """A setting cannot be used."""


HELP = {
    "database": "Where Leeway keeps its own state: a SQLAlchemy URL, SQLite or PostgreSQL.",
    "home": "Folder for everything else Leeway writes: the demo fleet's logs, cached reports.",
    "address": "Address the dashboard listens on. 0.0.0.0 lets others in: put sign-in or a proxy before it.",
    "port": "Port the dashboard listens on.",
    "sign_in": "none: whoever reaches the address may do all. oidc: sign-in, set up in [auth] of secrets.toml.",
    "outgoing_hosts": "Hosts that webhooks may reach: name, name:port, *.name or *, with spaces between them.",
    "mail_hosts": "Mail servers that may be reached: name or name:port; they may lie in a private network.",
    "private_hosts": "Servers of your own (dispatchers, webhooks) that may lie in a private network: name, name:port.",
    "commands": "Commands that dispatchers may run on this machine, each the beginning of one, with ; between them.",
    "loopback": "refused, or allowed: webhooks may reach this machine, without TLS too. For developers.",
    "cadence_seconds": "Seconds between two looks of the worker at the logs: how soon a page is sent.",
    "ping_url": "A monitor outside that is told after each round of the worker; it calls somebody when that stops.",
    "url": "Address of the dashboard as people reach it: links in notifications begin with it.",
    "group_wait_seconds": "Seconds that alerts of one owner and model are gathered before the first notification.",
    "group_interval_seconds": "Seconds at least between two notifications of changes in one group of alerts.",
    "repeat_hours": "Hours after which a group of alerts that still fires is sent again.",
    "keep_days": "Days that sent messages, finished requests, reports and ended commands are kept. Dead letters stay.",
    "keep_alerts_days": "Days that ended alerts and incidents are kept, with their history; at least 90.",
}


VENDORS = (
    "hooks.slack.com events.pagerduty.com events.eu.pagerduty.com *.logic.azure.com *.environment.api.powerplatform.com"
)
"""Where the channels of known services go: Slack, PagerDuty, Microsoft's Workflows."""


BACK_TEST = 90
"""Days that a back-test looks back for alerts that people judged."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them; the variable of `database` is LEEWAY_DATABASE, and so on."""

    database: str = "sqlite:///var/leeway.db"
    home: Path = Path("var")
    address: str = "127.0.0.1"
    port: int = 8501
    sign_in: str = "none"
    outgoing_hosts: str = VENDORS
    mail_hosts: str = ""
    private_hosts: str = ""
    commands: str = ""
    loopback: str = "refused"
    cadence_seconds: int = 20
    ping_url: str = ""
    url: str = "http://127.0.0.1:8501"
    group_wait_seconds: int = 30
    group_interval_seconds: int = 300
    repeat_hours: int = 4
    keep_days: int = 30
    keep_alerts_days: int = 400


KINDS: dict[str, Callable[[str], Any]] = {
    "home": Path, "port": int, "cadence_seconds": int, "group_wait_seconds": int, "group_interval_seconds": int,
    "repeat_hours": int, "keep_days": int, "keep_alerts_days": int, "url": lambda text: text.rstrip("/"),
}  # fmt: skip
"""Of the settings that are no plain text."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"LEEWAY_{name.upper()}"


def load(environment: dict[str, str] | None = None) -> Settings:
    """The settings of the environment. Raises SettingsError for one that cannot be used."""
    values: dict[str, Any] = {}
    source = os.environ if environment is None else environment
    for field in fields(Settings):
        text = source.get(variable(field.name), "")
        if not text:
            continue
        try:
            values[field.name] = KINDS.get(field.name, str)(text)
        except ValueError as error:
            raise SettingsError(f"{text!r} is no number", where=variable(field.name), mend=HELP[field.name]) from error
    if "port" in values:
        values.setdefault("url", f"http://127.0.0.1:{values['port']}")
    found = Settings(**values)
    if found.sign_in not in ("none", "oidc"):
        raise SettingsError(f"{found.sign_in!r} is not known", where=variable("sign_in"), mend="Known: none, oidc.")
    if found.loopback not in ("refused", "allowed"):
        raise SettingsError(f"{found.loopback!r} is not known", where=variable("loopback"), mend=HELP["loopback"])
    if found.cadence_seconds < 1:
        raise SettingsError("must be at least 1", where=variable("cadence_seconds"))
    if min(found.group_wait_seconds, found.group_interval_seconds) < 0:
        raise SettingsError("must not be negative", where=variable("group_wait_seconds"))
    if found.repeat_hours < 1:
        raise SettingsError("must be at least 1", where=variable("repeat_hours"))
    if found.keep_days < 1:
        raise SettingsError("must be at least 1", where=variable("keep_days"))
    if found.keep_alerts_days < BACK_TEST:
        raise SettingsError(
            f"must be at least {BACK_TEST}", where=variable("keep_alerts_days"),
            mend="Thresholds are held against the alerts of that many days.",
        )  # fmt: skip
    return found
