"""Objectives as OpenSLO v1 documents (github.com/OpenSLO/OpenSLO), and back.

What OpenSLO has no word for is an annotation: which of Leeway's indicators it is (leeway/sli), and its threshold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitoring.core.slo.prometheus import AGE, BAD, VALID, Objective, rules
from monitoring.core.slo.windows import period
from monitoring.errors import FleetError
from monitoring.fleet import Model, Slo

VERSION = "openslo/v1"
SLI, THRESHOLD, MAX_AGE, TOLERANCE = "leeway/sli", "leeway/threshold_ms", "leeway/max_age", "leeway/tolerance"
HOW = f"Name Leeway's indicator in metadata.annotations: {SLI}: availability | latency | freshness | quality."
_DAYS = {"d": 1, "w": 7}


class _Loose(BaseModel):
    """OpenSLO has more than Leeway needs."""

    model_config = ConfigDict(extra="ignore")


class _Metadata(_Loose):
    name: str
    annotations: dict[str, str] = {}


class _Window(_Loose):
    duration: str
    is_rolling: bool = Field(alias="isRolling")


class _Objective(_Loose):
    target: float | None = None
    target_percent: float | None = Field(default=None, alias="targetPercent")


class _Spec(_Loose):
    service: str
    window: list[_Window] = Field(alias="timeWindow", min_length=1, max_length=1)
    budgeting: str = Field(alias="budgetingMethod")
    objectives: list[_Objective] = Field(min_length=1, max_length=1)


class _Document(_Loose):
    metadata: _Metadata
    spec: _Spec


def export(models: Sequence[Model]) -> str:
    """All objectives of these models as one stream of YAML documents."""
    return yaml.safe_dump_all([d for model in models for d in _documents(model)], sort_keys=False, allow_unicode=True)


def prometheus(models: Sequence[Model]) -> str:
    """The alerts of all objectives as a Prometheus rule file: burning and spent budgets of those that count events, and
    the age of predictions."""
    found = [
        Objective(
            model.key, model.owner, slo.slug, _words(slo), slo.objective, period(slo.period), model.runbook,
            f"slo.{slo.sli}", slo.max_age_hours * 3600, model.waits,
        )
        for model in models
        for slo in model.slos
    ]  # fmt: skip
    return yaml.safe_dump(rules(found), sort_keys=False, allow_unicode=True, width=100)


def _words(slo: Slo) -> str:
    return f"{slo.sli}, {slo.limit}"


def read(text: str, where: str) -> dict[str, list[Slo]]:
    """Objectives by the key of the model (OpenSLO: service). Documents of other kinds are passed over.

    Raises FleetError for one that Leeway cannot count, saying what to change.
    """
    try:
        documents = [d for d in yaml.safe_load_all(text) if d is not None]
    except yaml.YAMLError as error:
        raise FleetError(f"is not YAML: {error}", where=where, mend="Mend the line named above.") from error
    found: dict[str, list[Slo]] = {}
    for number, document in enumerate(documents, 1):
        if not isinstance(document, dict) or document.get("apiVersion") != VERSION:
            raise FleetError(f"document {number} is not {VERSION}", where=where, mend=f"Write apiVersion: {VERSION}.")
        if document.get("kind") == "SLO":
            service, slo = _objective(document, f"{where}, document {number}")
            found.setdefault(service, []).append(slo)
    if not found:
        raise FleetError("holds no document of kind SLO", where=where, mend="`slo export` shows what they look like.")
    return found


def _documents(model: Model) -> Iterator[dict[str, Any]]:
    if not model.slos:
        return
    yield {
        "apiVersion": VERSION,
        "kind": "Service",
        "metadata": {"name": model.key, "displayName": model.title},
        "spec": {"description": model.description},
    }
    for slo in model.slos:
        yield _document(model, slo)


def _document(model: Model, slo: Slo) -> dict[str, Any]:
    name = slo.slug
    chosen = f'{{model="{model.key}", slo="{name}"}}'
    said = {SLI: slo.sli, THRESHOLD: slo.threshold_ms, MAX_AGE: slo.max_age, TOLERANCE: slo.tolerance}
    objective: dict[str, Any] = {"displayName": name, "target": slo.objective}
    if slo.sli == "freshness":
        indicator = {"thresholdMetric": _prometheus(f'{AGE}{{model="{model.key}"}}')}
        objective |= {"op": "lte", "value": slo.max_age_hours * 3600}
    else:
        counters = {"bad": _prometheus(BAD + chosen), "total": _prometheus(VALID + chosen)}
        indicator = {"ratioMetric": {"counter": True, **counters}}
    return {
        "apiVersion": VERSION,
        "kind": "SLO",
        "metadata": {
            "name": f"{model.key}-{name}".replace("_", "-").lower(),
            "annotations": {
                key: f"{value:g}" if isinstance(value, float) else value
                for key, value in said.items()
                if value is not None
            },
        },
        "spec": {
            "service": model.key,
            "indicator": {"metadata": {"name": f"{model.key}-{slo.sli}"}, "spec": indicator},
            "timeWindow": [{"duration": slo.period, "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [objective],
        },
    }


def _prometheus(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _objective(document: dict[str, Any], where: str) -> tuple[str, Slo]:
    try:
        read_ = _Document.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise FleetError(
            f"{place}: {problem['msg']}", where=where, mend="One SLO has one objective and one window."
        ) from error
    spec, annotations = read_.spec, read_.metadata.annotations
    if SLI not in annotations:
        raise FleetError(f"SLO {read_.metadata.name!r} measures what Leeway cannot know", where=where, mend=HOW)
    if spec.budgeting != "Occurrences":
        raise FleetError(
            f"budgetingMethod {spec.budgeting} is not counted", where=where, mend="Leeway counts Occurrences: events."
        )
    target = spec.objectives[0].target
    if target is None and spec.objectives[0].target_percent is not None:
        target = spec.objectives[0].target_percent / 100
    fields = {
        "sli": annotations[SLI], "objective": target, "period": _period(spec.window[0], where),
        "threshold_ms": annotations.get(THRESHOLD), "max_age": annotations.get(MAX_AGE),
        "tolerance": annotations.get(TOLERANCE),
    }  # fmt: skip
    try:
        return spec.service, Slo.model_validate({k: v for k, v in fields.items() if v is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        message = problem["msg"].removeprefix("Value error, ")
        place = ".".join(str(part) for part in problem["loc"])
        raise FleetError(f"{place}: {message}".removeprefix(": "), where=where, mend=HOW) from error


def _period(window: _Window, where: str) -> str:
    """The period in Leeway's words; weeks are days."""
    match = re.fullmatch(r"(\d+)([dw])", window.duration)
    days = int(match[1]) * _DAYS[match[2]] if match else 0
    if not window.is_rolling or days not in (7, 28, 30):
        raise FleetError(
            f"the window {window.duration}{'' if window.is_rolling else ', not rolling,'} is not counted",
            where=where, mend="Leeway counts rolling windows of 7d, 28d (4w) and 30d.",
        )  # fmt: skip
    return f"{days}d"
