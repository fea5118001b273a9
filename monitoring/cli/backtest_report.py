"""The command `backtest`: what is proposed on the command line or in a file, and the answer as text and JSON."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from monitoring.backtest import Proposal
from monitoring.core.backtest import BackTest, Tally
from monitoring.errors import FleetError
from monitoring.fleet import load_sections, parse_rule
from monitoring.fleet.thresholds import with_own
from monitoring.store import models, rules

OPTIONS = {
    "warning": "warning", "breached": "breached", "min_rows": "min_rows", "false_alarms": "false_alarms_per_quarter",
    "wait": "for", "keep": "keep_firing_for",
}  # fmt: skip
"""What an option of the command line is called in the fleet file."""


def proposal(session: Session, options: Namespace) -> Proposal:
    """What is proposed. Raises FleetError where that is not said, or of no model."""
    try:
        ZoneInfo(options.zone)
    except (ValueError, OSError, KeyError) as error:
        raise FleetError(f"no time zone is called {options.zone!r}", where="--zone", mend="Such as UTC.") from error
    if options.days < 1:
        raise FleetError("looks back on one day at least", where="--days")
    watched = {document["key"]: document for _, document in models.documents(session)}
    if options.rules is not None:
        return _of_file(session, options, watched)
    values = {field: found for name, field in OPTIONS.items() if (found := getattr(options, name)) is not None}
    if not (options.model and options.check and values):
        mend = "Give --model, --check and a level such as --breached; or --rules with a fleet file."
        raise FleetError("does not know what to change", where="backtest", mend=mend)
    if options.model not in watched:
        raise models.unknown(options.model, list(watched))
    about = {"check": options.check, "column": options.column, "method": options.method}
    about = {name: value for name, value in about.items() if value is not None}
    thresholds = watched[options.model].get("thresholds") or []
    return Proposal({options.model: with_own(thresholds, about, values)})


def _of_file(session: Session, options: Namespace, watched: dict[str, dict[str, Any]]) -> Proposal:
    """As `apply` would have it: what the file names is as in the file, and all else stays."""
    file = load_sections(options.rules)
    named = {document["key"]: document for document in file.get("rules", [])}
    kept = [named.pop(document["key"], document) for document in rules.export(session)]
    every = tuple(parse_rule(document, str(options.rules)) for document in [*kept, *named.values()])
    own = {d["key"]: d.get("thresholds") or [] for d in file["models"] if d["key"] in watched}
    return Proposal(own, every)


def as_json(found: BackTest) -> dict[str, Any]:
    """The same as an object."""
    return {
        "from": _iso(found.period.start), "to": _iso(found.period.end),
        "before": found.before.as_json(), "after": found.after.as_json(), "unknown": found.unknown,
        "skipped": dict(found.skipped),
        "models": [
            {
                "model": one.model, "zone": one.zone, "before": one.before.tally.as_json(),
                "after": one.after.tally.as_json(), "unknown": dict(one.unknown),
            }
            for one in found.models
        ],
    }  # fmt: skip


def lines(found: BackTest) -> Iterator[str]:
    """A line a figure, as it is and with the change; then a line a model, and what could not be told."""
    period = found.period
    yield f"{period.start:%Y-%m-%d} to {period.end:%Y-%m-%d} (UTC), {len(found.models):,} models changed by it"
    yield f"{'':32}{'as it is':>18}{'with the change':>18}"
    for title, before, after in _figures(found.before, found.after):
        yield f"{title:32}{before:>18}{after:>18}"
    if len(found.models) > 1:
        yield ""
        yield f"{'alerts opened':32}{'as it is':>18}{'with the change':>18}"
        for one in found.models:
            yield f"{one.model:32}{one.before.tally.opened:>18,}{one.after.tally.opened:>18,}"
    for why, windows in found.unknown.items():
        yield f"Not told in {windows:,} windows, which stay as they were: {why}."
    for model, why in found.skipped.items():
        yield f"{model} is left out: {why}."


def _figures(before: Tally, after: Tally) -> Iterator[tuple[str, str, str]]:
    shown: dict[str, Callable[[Tally], str]] = {
        "alerts opened": lambda t: f"{t.opened:,}",
        "of them of slices, versions": lambda t: f"{t.of_parts:,}",
        "pages, of them at night": lambda t: f"{t.pages:,}, {t.pages_at_night:,}",
        "time in alert": lambda t: _span(t.in_alert),
        "windows breached, warned": lambda t: f"{t.breached:,}, {t.warned:,}",
    }
    if before.detected:
        shown["useful alerts raised"] = lambda t: f"{t.caught} of {len(t.detected)}"
        shown["time to detect them (median)"] = lambda t: _span(t.time_to_detect)
    if before.noise or after.noise:
        shown["alerts called noise raised"] = lambda t: f"{t.noise:,}"
    if not before.of_parts and not after.of_parts:
        del shown["of them of slices, versions"]
    for title, words in shown.items():
        yield title, words(before), words(after)


def _span(length: timedelta | None) -> str:
    if length is None:
        return "never"
    hours = length / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _iso(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
