"""A fleet file: what it holds, validated; read, and written again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from monitoring.errors import FleetError
from monitoring.fleet.channels import AnyChannel
from monitoring.fleet.model import Model
from monitoring.fleet.oncall import Person, Team
from monitoring.fleet.strict import Strict
from monitoring.fleet.thresholds import Rule

SECTION_OF = {"model": "models", "rule": "rules", "person": "people", "team": "teams", "channel": "channels"}
"""The lists of a fleet file, by what stands in them."""


class Fleet(Strict):
    """All that one file holds. A false-alarm budget of the fleet is divided among the models without one."""

    models: tuple[Model, ...] = ()
    rules: tuple[Rule, ...] = ()
    people: tuple[Person, ...] = ()
    teams: tuple[Team, ...] = ()
    channels: tuple[AnyChannel, ...] = ()
    false_alarms_per_quarter: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _unique(self) -> Fleet:
        for kind, section in SECTION_OF.items():
            by = "name" if kind == "channel" else "key"
            keys = [getattr(one, by) for one in getattr(self, section)]
            if twice := sorted({key for key in keys if keys.count(key) > 1}):
                raise ValueError(f"{kind} {by}s must be unique; used twice: {', '.join(twice)}")
        return self


def plain(value: Any) -> Any:
    """A part of a parsed file as it was written, with dates as text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def documents(fleet: Any) -> list[dict[str, Any]]:
    """The models of a parsed fleet file as they were written, with dates as text: what `export` gives back.

    Each model's share of a budget of the whole fleet is written to the model: one more model changes all of them.
    """
    models = [plain(model) for model in fleet.get("models") or []]
    if fleet.get("false_alarms_per_quarter"):
        share = {"check": "drift", "false_alarms_per_quarter": fleet["false_alarms_per_quarter"] / len(models)}
        for model in models:
            thresholds = model.get("thresholds") or []
            of_drift = [t for t in thresholds if t["check"] == "drift"]
            if any(t.get("false_alarms_per_quarter") for t in of_drift):
                continue
            if of_drift:  # beside its levels: of two thresholds of one check, only the last would count
                of_drift[-1] |= share
            else:
                model["thresholds"] = [*thresholds, share]
    return models


def parse(document: Any, where: str) -> Fleet:
    """Validate a parsed fleet document. Raises FleetError naming model and field."""
    try:
        return Fleet.model_validate(document)
    except ValidationError as error:
        problems = _problems(error, document)
        found = FleetError("; ".join(problems) + ".", where=where, mend="Mend the field and apply again.")
        found.problems = tuple(problems)
        raise found from error


def parse_model(document: Any, where: str) -> Model:
    """Validate one model's part of a fleet document."""
    return parse({"models": [document]}, where).models[0]


def parse_rule(document: Any, where: str) -> Rule:
    """Validate one fleet-wide rule of a fleet document."""
    return parse({"rules": [document]}, where).rules[0]


def load(path: Path) -> list[dict[str, Any]]:
    """The models of a fleet file, validated. Raises FleetError when it is missing, not YAML, or not a fleet."""
    return load_sections(path)["models"]


def load_sections(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lists that a fleet file holds (see SECTION_OF), as written. Raises FleetError like `load`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError("cannot be read", where=str(path), mend=f"Is the path right? ({error})") from error
    return read_sections(text, str(path))


def read(text: str, where: str) -> list[dict[str, Any]]:
    """The models of a fleet file's text, validated. Raises FleetError when it is not YAML, or not a fleet."""
    return read_sections(text, where)["models"]


def read_sections(text: str, where: str) -> dict[str, list[dict[str, Any]]]:
    """The lists of a fleet file's text. `models` is always among them."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FleetError(f"is not YAML: {error}", where=where, mend="Mend the line named above.") from error
    if not isinstance(document, dict) or not set(SECTION_OF.values()) & document.keys():
        raise FleetError("holds no `models:` list", where=where, mend="See docs/fleet.md for an example.")
    parse(document, where)
    others = {name: plain(document[name]) for name in SECTION_OF.values() if name in document}
    return others | {"models": documents(document)}


def dump(models: list[dict[str, Any]], **others: list[dict[str, Any]]) -> str:
    """Models, and what further lists there are, as the text of a fleet file."""
    filled = {name: listed for name, listed in others.items() if listed}
    return yaml.safe_dump({"models": models} | filled, sort_keys=False, allow_unicode=True)


def _problems(error: ValidationError, document: Any) -> list[str]:
    lines = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        kind = next((kind for kind, section in SECTION_OF.items() if place and place[0] == section), None)
        if len(place) > 1 and kind is not None and isinstance(document, dict):
            one = document[place[0]][int(place[1])] if place[1].isdigit() else {}
            name = one.get("key", one.get("name", place[1])) if isinstance(one, dict) else place[1]
            place = [f"{kind} {name}", *place[2:]]
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "no such field"
        lines.append(f"{' › '.join(place)}: {message}" if place else message)
    return lines
