"""Objectives written as OpenSLO are read back as they were; what Leeway cannot count is refused, and it says why."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.errors import FleetError
from monitoring.fleet import Slo, parse_model
from monitoring.openslo import export, read

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
shares = st.integers(1, 9999).map(lambda n: n / 10_000)
periods = st.sampled_from(["7d", "28d", "30d"])
limits, ages = st.sampled_from([0.5, 20.0, 1500.0]), st.sampled_from(["30m", "4h", "1.5d"])
objectives = st.one_of(
    st.builds(Slo, sli=st.just("availability"), objective=shares, period=periods),
    st.builds(Slo, sli=st.just("latency"), objective=shares, period=periods, threshold_ms=limits),
    st.builds(Slo, sli=st.just("freshness"), objective=shares, period=periods, max_age=ages),
    st.builds(Slo, sli=st.just("quality"), objective=shares, period=periods, tolerance=st.sampled_from([None, 5.0])),
)  # fmt: skip


def model(slos: list[Slo], key: str = "late") -> Any:
    columns = {"id": "id", "timestamp": "ts", "score": "score", "features": ["x"]}
    document = {
        "key": key, "task": "binary_classification",
        "predictions": {"source": "parquet", "location": "log", "columns": columns},
        "slos": [slo.model_dump(exclude_none=True) for slo in slos],
    }  # fmt: skip
    return parse_model(document, "a test")


@STEADY
@given(st.lists(objectives, min_size=1, max_size=4, unique_by=lambda slo: slo.slug))
def test_what_is_exported_is_read_back(slos: list[Slo]) -> None:
    assert read(export([model(slos)]), "here") == {"late": slos}


def test_the_documents_are_those_of_openslo() -> None:
    slo = Slo(sli="latency", objective=0.99, threshold_ms=50)
    service, document = yaml.safe_load_all(export([model([slo])]))
    assert (service["apiVersion"], service["kind"]) == ("openslo/v1", "Service")
    assert document["spec"]["service"] == "late"
    assert document["spec"]["objectives"] == [{"displayName": "latency-50ms-99-30d", "target": 0.99}]
    assert document["spec"]["indicator"]["spec"]["ratioMetric"]["total"]["metricSource"]["spec"]["query"] == (
        'leeway_slo_valid_total{model="late", slo="latency-50ms-99-30d"}'
    )


def test_objectives_of_one_model_have_names_of_their_own() -> None:
    slos = [Slo(sli="latency", objective=o, threshold_ms=t) for o in (0.99, 0.999) for t in (20, 50)]
    assert len({slo.slug for slo in slos}) == 4


def document(**changed: Any) -> str:
    spec = {
        "service": "late", "budgetingMethod": "Occurrences", "objectives": [{"targetPercent": 99.5}],
        "timeWindow": [{"duration": "4w", "isRolling": True}],
    }  # fmt: skip
    metadata = {"name": "late-availability", "annotations": {"leeway/sli": "availability"}}
    whole = {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}
    for place, value in changed.items():
        part: Any = whole
        *before, last = place.split("__")
        for name in before:
            part = part[name]
        part[last] = value
    return yaml.safe_dump(whole)


def test_percent_and_weeks_are_understood() -> None:
    assert read(document(), "x") == {"late": [Slo(sli="availability", objective=0.995, period="28d")]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metadata__annotations": {}}, "cannot know"),
        ({"spec__budgetingMethod": "Timeslices"}, "Timeslices is not counted"),
        ({"spec__timeWindow": [{"duration": "1M", "isRolling": False}]}, "not rolling"),
        ({"spec__timeWindow": []}, "timeWindow"),
        ({"spec__objectives": [{"target": 1.5}]}, "objective"),
        ({"spec__objectives": [{"target": 0.9}, {"target": 0.99}]}, "objectives"),
        ({"apiVersion": "openslo/v2alpha"}, "is not openslo/v1"),
        ({"kind": "Service"}, "no document of kind SLO"),
        ({"metadata__annotations": {"leeway/sli": "latency"}}, "threshold_ms"),
        ({"metadata__annotations": {"leeway/sli": "freshness", "leeway/max_age": "soon"}}, "no span of time"),
    ],
)
def test_what_leeway_cannot_count_is_said(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(FleetError, match=words):
        read(document(**changed), "slo.yaml")


def test_text_that_is_no_yaml_is_said() -> None:
    with pytest.raises(FleetError, match="is not YAML"):
        read("a: [", "slo.yaml")
