"""What Leeway, and the models it watches, say to Prometheus at /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Engine

from monitoring.core.slo.prometheus import AGE, BAD, VALID
from monitoring.core.verdict import Flag
from monitoring.store.database import reading
from monitoring.store.queries import health
from monitoring.store.queries.health import Events, ModelHealth

OF_MODEL = ("model", "owner")


class Exporter:
    """Reads the database at every scrape. A model's objectives are counted again only after another evaluation."""

    def __init__(self) -> None:
        self._events: dict[tuple[int, datetime | None], tuple[Events, ...]] = {}

    def text(self, store: Engine, now: datetime) -> bytes:
        """Every metric as of `now`, in Prometheus's text format."""
        with reading(store) as session:
            beats, models = health.heartbeats(session), health.models(session)
            counted = {(m.id, m.evaluated_at) for m in models}
            self._events = {key: found for key, found in self._events.items() if key in counted}
            for model in models:
                if (model.id, model.evaluated_at) not in self._events:
                    self._events[model.id, model.evaluated_at] = health.events(session, model)
        registry = CollectorRegistry()
        registry.register(_Metrics([*_leeway(beats, now), *_models(models, now), *self._objectives(models)]))
        return generate_latest(registry)

    def _objectives(self, models: list[ModelHealth]) -> Iterator[Metric]:
        valid = CounterMetricFamily(VALID, "Events that an objective counts.", labels=["model", "slo"])
        bad = CounterMetricFamily(BAD, "Events that spend an objective's error budget.", labels=["model", "slo"])
        for model in models:
            for found in self._events[model.id, model.evaluated_at]:
                valid.add_metric([model.key, found.slo], found.valid)
                bad.add_metric([model.key, found.slo], found.bad)
        yield from (valid, bad)


class _Metrics:
    """Metrics that are there, as what a registry collects."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """All of them."""
        return self._metrics


def _leeway(beats: dict[str, datetime], now: datetime) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "leeway_heartbeat_age_seconds", "Seconds since a part of Leeway gave a sign of life.", labels=["part"]
    )
    for part, at in beats.items():
        age.add_metric([part], (now - at).total_seconds())
    yield age


def _models(models: list[ModelHealth], now: datetime) -> Iterator[Metric]:
    flag = GaugeMetricFamily("leeway_model_flag", "1 for the flag that a model has.", labels=[*OF_MODEL, "flag"])
    age = GaugeMetricFamily("leeway_evaluation_age_seconds", "Seconds since the last evaluation.", labels=OF_MODEL)
    took = GaugeMetricFamily("leeway_evaluation_duration_seconds", "How long it took.", labels=OF_MODEL)
    failed = GaugeMetricFamily("leeway_evaluation_failed", "1 where it failed.", labels=OF_MODEL)
    unreadable = GaugeMetricFamily("leeway_log_unreadable", "1 where the log could not be read.", labels=OF_MODEL)
    rows = GaugeMetricFamily("leeway_log_rows", "Rows of the prediction log that have been read.", labels=OF_MODEL)
    newest = GaugeMetricFamily(AGE, "Age of the newest prediction.", labels=OF_MODEL)
    for model in models:
        labels = [model.key, model.owner]
        for one in Flag:
            flag.add_metric([*labels, str(one)], float(model.flag == one))
        unreadable.add_metric(labels, float(model.unreadable))
        rows.add_metric(labels, model.rows)
        if model.evaluated_at is not None:
            age.add_metric(labels, (now - model.evaluated_at).total_seconds())
            took.add_metric(labels, model.seconds)
            failed.add_metric(labels, float(model.failed))
        if model.newest is not None:
            newest.add_metric(labels, (now - model.newest).total_seconds())
    yield from (flag, age, took, failed, unreadable, rows, newest)
