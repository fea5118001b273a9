"""Every setting, check, command, stattest, metric and field is documented."""

from __future__ import annotations

import re
from argparse import Action, ArgumentParser, _HelpAction, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.__main__ import parser_of
from monitoring.cli.commands import names
from monitoring.core.alerting.notification import NotifyReason
from monitoring.core.alerting.rules import RULES, Rule
from monitoring.core.checks import CHECKS, PLANNED
from monitoring.core.performance.metric import metrics_for
from monitoring.core.retraining.guards import Guard
from monitoring.dispatchers.dispatcher import Dispatcher
from monitoring.dispatchers.registry import kinds as dispatchers
from monitoring.fleet import Columns, Model, Slo, Threshold
from monitoring.fleet.oncall import Escalation, EscalationStep, Hours, OnCallSchedule, Person, Rotation, Team
from monitoring.fleet.retraining import Retraining
from monitoring.fleet.thresholds import Rule as FleetRule
from monitoring.logs.source import names as sources
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.registry import kinds
from monitoring.settings import HELP, variable
from monitoring.stattests.registry import all_stattests
from monitoring.store.tokens import SCOPES
from monitoring.web.openapi import document

ROOT = Path(__file__).parent.parent
TASKS = ("binary_classification", "multiclass_classification", "regression")


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands() -> list[str]:
    action = next(a for a in parser_of(names())._actions if a.dest == "command")
    return list(action.choices or ())


def arguments(parser: ArgumentParser, called: str = "") -> Iterator[tuple[str, Action]]:
    """What each command takes, those of its actions included, with the command."""
    for one in parser._actions:
        if isinstance(one, _SubParsersAction):
            for name, inner in one.choices.items():
                yield from arguments(inner, f"{called} {name}".strip())
        elif called and not isinstance(one, _HelpAction):
            yield called, one


TAKEN = list(arguments(parser_of(names())))


def options() -> list[tuple[str, str]]:
    return [(called.split()[0], flag) for called, one in TAKEN for flag in one.option_strings]


@pytest.mark.parametrize("name", HELP)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{variable(name)}`" in text("operating.md")


@pytest.mark.parametrize("name", commands())
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"^\| `{name}[ `]", text("operating.md"), re.MULTILINE)


@pytest.mark.parametrize(("command", "flag"), options())
def test_every_option_is_documented(command: str, flag: str) -> None:
    row = next(line for line in text("operating.md").splitlines() if re.match(rf"\| `{command}[ `]", line))
    assert flag in row


@pytest.mark.parametrize(("called", "taken"), TAKEN, ids=lambda one: getattr(one, "dest", one))
def test_the_help_of_every_command_explains_all_that_it_takes(called: str, taken: Action) -> None:
    assert taken.help


@pytest.mark.parametrize("flag", ["--fleet", "--as-of", "--from", "--to", "--model", "--reason"])
def test_the_same_option_takes_the_same_in_every_command(flag: str) -> None:
    assert len({(one.dest, one.metavar, one.type) for _, one in TAKEN if flag in one.option_strings}) == 1


@pytest.mark.parametrize("name", [*CHECKS, *PLANNED])
def test_every_check_is_documented(name: str) -> None:
    assert f"`{name}" in text("fleet.md")


@pytest.mark.parametrize("name", [t.name for t in all_stattests()])
def test_every_stattest_is_documented_with_its_levels(name: str) -> None:
    test = next(t for t in all_stattests() if t.name == name)
    row = next(line for line in text("drift.md").splitlines() if line.startswith(f"| `{name}` |"))
    assert row.endswith(f"| {test.warning:g} | {test.breached:g} |")


@pytest.mark.parametrize("name", sorted({m.name for task in TASKS for m in metrics_for(task)}))  # type: ignore[arg-type]
def test_every_metric_is_documented(name: str) -> None:
    assert f"`performance.{name}`" in text("performance.md")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name} {rule.check}")
def test_every_alerting_rule_is_documented_with_its_severity(rule: Rule) -> None:
    assert re.search(rf"^\| {rule.name} \|.*\| {rule.severity} \|", text("alerts.md"), re.MULTILINE)


@pytest.mark.parametrize("reason", [reason for reason in NotifyReason if reason != NotifyReason.TEST])
def test_every_reason_to_send_is_documented(reason: NotifyReason) -> None:
    assert f"| `{reason}` |" in text("alerts.md")


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_channel_is_documented_with_its_fields(kind: str) -> None:
    row = next(line for line in text("notifications.md").splitlines() if line.startswith(f"| `{kind}` |"))
    for name in kinds()[kind].model_fields:
        assert f"`{name}`" in (text("notifications.md") if name in Channel.model_fields else row)


@pytest.mark.parametrize("kind", dispatchers())
def test_every_kind_of_dispatcher_is_documented_with_its_fields(kind: str) -> None:
    row = next(line for line in text("dispatchers.md").splitlines() if line.startswith(f"| `{kind}` |"))
    for name in set(dispatchers()[kind].model_fields) - {"kind"}:
        assert f"`{name}`" in (text("dispatchers.md") if name in Dispatcher.model_fields else row)


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_is_documented(scope: str) -> None:
    assert f"| `{scope}` |" in text("api.md")


@pytest.mark.parametrize("path", document()["paths"])
def test_every_address_of_the_api_is_documented(path: str) -> None:
    for method in document()["paths"][path]:
        assert f"| {method.upper()} | `{path}` |" in text("api.md")


@pytest.mark.parametrize("name", sources())
def test_every_source_is_documented(name: str) -> None:
    assert f"| `{name}` |" in text("fleet.md")


@pytest.mark.parametrize("name", list(Retraining.model_fields))
def test_every_field_of_retraining_is_documented(name: str) -> None:
    assert f"`{name}`" in text("retraining.md")


@pytest.mark.parametrize("name", list(Guard))
def test_every_guard_is_documented(name: str) -> None:
    assert f"`{name}`" in text("retraining.md")


@pytest.mark.parametrize(
    "name",
    sorted(
        {f.alias or n for kind in (Columns, Model, Slo, Threshold, FleetRule) for n, f in kind.model_fields.items()}
        - {"false_alarms_per_quarter", "tolerance"}
    ),
)
def test_every_field_of_the_fleet_file_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", text("fleet.md"))


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            f.alias or n
            for kind in (Person, Team, OnCallSchedule, Rotation, Hours, Escalation, EscalationStep)
            for n, f in kind.model_fields.items()
        }
    ),
)
def test_every_field_of_people_and_teams_is_documented(name: str) -> None:
    assert f"`{name}`" in text("on-call.md")


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "data" / "README.md"],
    ids=lambda p: p.name,
)
def test_no_link_within_the_docs_is_broken(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
