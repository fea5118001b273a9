"""The summing-up of a model: one flag, and the sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from monitoring.core.diagnosis.diagnosis import Advice, Attempt
from monitoring.core.diagnosis.episode import RECENT, going_on, mature
from monitoring.core.diagnosis.words import sentence
from monitoring.core.performance.metric import get
from monitoring.core.verdict import Flag, Status, Verdict, Window
from monitoring.core.window import said
from monitoring.verdicts import miscalibration
from monitoring.verdicts.subject import Subject

BROKEN = ("quality.missing", "quality.schema")
"""Checks that say the inputs themselves are broken."""

LABELS = "quality.labels"
QUALITY = "slo.quality"
"""Burns for days, of labels that are old already: nobody is woken for it."""
BAD = (Status.WARNING, Status.BREACHED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A flag that something asks for, and why."""

    flag: Flag
    why: str


def sum_up(subject: Subject, verdicts: Sequence[Verdict], diagnosed: Attempt | None = None) -> Verdict:
    """The check "model": the gravest of all findings, its reason first. Failures are never healthy.

    `diagnosed` is the diagnosis of a breach of performance that goes on: without one, a breach asks for retraining.
    """
    newest = _newest(verdicts)
    rules: tuple[Callable[[Subject, Sequence[Verdict], Sequence[Verdict]], list[Finding]], ...] = (
        _service, _inputs, _labels, partial(_performance, diagnosed), _probabilities, _estimated, _drift, _unknown,
    )  # fmt: skip
    findings = [finding for rule in rules for finding in rule(subject, verdicts, newest)]
    order = [Flag.PAGE, Flag.RETRAIN, Flag.WATCH, Flag.HEALTHY]
    findings.sort(key=lambda f: order.index(f.flag))
    flag = findings[0].flag if findings else Flag.HEALTHY
    status = {Flag.PAGE: Status.BREACHED, Flag.RETRAIN: Status.BREACHED, Flag.WATCH: Status.WARNING}.get(
        flag, Status.OK
    )
    if not any(v.status not in (Status.NO_DATA, Status.INSUFFICIENT_DATA) for v in newest):
        status = Status.NO_DATA
        findings.append(Finding(Flag.WATCH, "Nothing could be judged: no data, or too little."))
        flag = Flag.WATCH if flag == Flag.HEALTHY else flag
    if status == Status.OK and any(v.status == Status.FAILED for v in newest):
        status = Status.FAILED
    rows = subject.current.rows(subject.windows[-1]) if subject.windows else 0
    window = Window(subject.now, subject.now, rows)
    if subject.windows:
        window = subject.window(subject.windows[-1], rows)
        window = window if subject.by_rows else window._replace(end=subject.now)
    reason = "\n".join(" ".join(f.why.split()) for f in findings) or f"{len(newest)} checks are ok."
    return Verdict(subject.model.key, "model", window, status, reason, flag=flag)


def _newest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The newest verdict of every check, column, slice, version and method, of those that are about the model; of the
    labels' drift the newest that is final."""
    found: dict[tuple[object, ...], Verdict] = {}
    for v in verdicts:
        if v.check == "drift.false_alarms" or (v.check == "drift.label" and v.provisional):  # the first: of the checks
            continue
        found[v.check, v.column, v.slice, v.version, v.method] = v
    return list(found.values())


def _why(subject: Subject, v: Verdict) -> str:
    """A verdict's reason, and since when its series has been where it is."""
    return v.reason if v.since is None else f"{v.reason.removesuffix('.')}, since {said(v.since, subject.now)}."


def _service(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    out = []
    for v in newest:
        if not v.check.startswith("slo."):
            continue
        page = v.status == Status.BREACHED and (v.method or "").startswith(("burn", "age")) and v.check != QUALITY
        if page:
            out.append(Finding(Flag.PAGE, v.reason))
        elif v.status in (Status.BREACHED, Status.WARNING):
            out.append(Finding(Flag.WATCH, v.reason))
        elif v.status == Status.NO_DATA and v.method == "budget":
            out.append(Finding(Flag.WATCH, f"{v.check}: {v.reason}"))
    return out


def _inputs(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    out = _stopped(subject, [v for v in every if v.check == "quality.volume"])
    for v in newest:
        if not v.check.startswith("quality.") or v.check == LABELS:
            continue
        name = f"{v.check} of {v.column}" if v.column else v.check
        if v.status == Status.BREACHED and v.check in BROKEN:
            out.append(Finding(Flag.PAGE, f"{name}: {_why(subject, v)}"))
        elif v.status in (Status.BREACHED, Status.WARNING):
            out.append(Finding(Flag.WATCH, f"{name}: {_why(subject, v)}"))
    return out


def _stopped(subject: Subject, volume: Sequence[Verdict]) -> list[Finding]:
    """No row in the last window that is over, nor in any since, though the newest may have hours to go."""
    over = [v for v in volume if subject.complete_window(v)]
    if not over or {over[-1].status, volume[-1].status} != {Status.NO_DATA}:
        return []
    why = over[-1].reason
    return [Finding(Flag.PAGE, f"The log has stopped: {why[0].lower()}{why[1:]}")]


def _labels(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    """Labels that have stopped page. Of single windows the newest that is due counts, not the newest of all."""
    arrival = [v for v in newest if v.check == LABELS and v.method == "arrival" and v.status in BAD]
    if arrival:
        return [Finding(Flag.PAGE if v.status == Status.BREACHED else Flag.WATCH, v.reason) for v in arrival]
    due = [v for v in every if v.check == LABELS and v.method == "completeness" and v.threshold is not None]
    return [Finding(Flag.WATCH, f"{LABELS}: {v.reason}") for v in due[-1:] if v.status in BAD]


def _performance(
    diagnosed: Attempt | None, subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]
) -> list[Finding]:
    """Needs retraining: two of the last three mature windows breached, inputs sound, and it is likely to help."""
    broken = [v for v in newest if v.check in BROKEN and v.status == Status.BREACHED]
    out = []
    realised = [v for v in every if v.check.startswith("performance.") and not v.slice and not v.version]
    if realised and all(v.status == Status.NO_DATA for v in realised):  # never; labels that stopped are _labels'
        out.append(Finding(Flag.WATCH, f"No label has come yet, though labels are mapped: {realised[-1].reason}"))
    for check in sorted({v.check for v in realised if v.threshold is not None} - set(miscalibration.CHECKS)):
        course = mature(every, check)
        series = course[-RECENT:]
        breached = [v for v in series if v.status == Status.BREACHED]
        warned = [v for v in series if v.status in (Status.BREACHED, Status.WARNING)]
        if not warned:
            continue
        last = warned[-1]
        what, many = ("breached", breached) if breached else ("at warning level", warned)
        verb = "is" if len(many) == 1 else "are"
        words = f"{len(many)} of the last {len(series)} mature windows {verb} {what}: {_why(subject, last)}"
        if going_on(course) and broken:
            out.append(Finding(Flag.PAGE, f"{words} Mend the data first: {broken[0].reason}"))
        elif going_on(course):
            flag, advice = _advised(diagnosed)
            out.append(Finding(flag, f"{words} {advice}" if diagnosed and diagnosed.check == check else words))
        else:
            out.append(Finding(Flag.WATCH, words))
    return out


def _advised(diagnosed: Attempt | None) -> tuple[Flag, str]:
    """What a breach asks for: retraining, unless a diagnosis says that it will not help or that nobody can tell.

    Where none could be made, a breach alone has to do.
    """
    if diagnosed is None:
        return Flag.RETRAIN, ""
    if diagnosed.content is None:
        return Flag.RETRAIN, f"Not diagnosed: {diagnosed.error}"
    alone = diagnosed.content.advice in (Advice.RETRAIN, Advice.UNTRIED)
    return Flag.RETRAIN if alone else Flag.WATCH, sentence(diagnosed.content)


def _probabilities(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    """Probabilities that no longer mean what they say are for watching: where the rest holds, recalibrating helps."""
    out: list[str] = []
    whole = [v for v in every if not v.slice and not v.version and not v.provisional and v.threshold is not None]
    for check in miscalibration.CHECKS:
        series = [v for v in whole if v.check == check][-RECENT:]
        bad = [v for v in series if v.status in BAD]
        if bad:
            last = bad[-1]
            if last.effect:
                far = f"{last.drift_score:.1f} deviations of chance, which reaches {last.null_quantile:.1f}"
                last = last._replace(reason=f"{last.effect} ({far}).")
            begin = "Probabilities are off" if not out else "And"
            windows = f"{len(bad)} of the last {len(series)} mature windows"
            out.append(f"{begin} in {windows}: {_why(subject, last)}")
    if not out:
        return []
    main = f"performance.{subject.model.main_metric}"
    holds = [v for v in whole if v.check == main][-1:]
    if holds and holds[0].status == Status.OK:
        name = get(subject.model.main_metric, subject.model.task).title
        out.append(f"{name} holds ({holds[0].value:.4g}): recalibrating the scores mends this without retraining.")
    return [Finding(Flag.WATCH, " ".join(out))]


def _estimated(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    """An estimate beyond its threshold is for watching, no more, and only while no label has said how it really is."""

    def place(v: Verdict) -> float:
        return float(v.window.chunk or 0) if v.window.start is None else v.window.start.timestamp()

    out = []
    whole = [v for v in every if not v.slice and not v.version and v.value is not None]
    for check in sorted({v.check for v in whole if v.check.startswith("estimated.") and v.threshold is not None}):
        realised = f"performance.{check.removeprefix('estimated.')}"
        mature = max((place(v) for v in whole if v.check == realised and not v.provisional), default=-math.inf)
        ahead = [v for v in whole if v.check == check and place(v) > mature]
        if ahead and ahead[-1].status in (Status.BREACHED, Status.WARNING):
            out.append(Finding(Flag.WATCH, f"Labels are still to come: {_why(subject, ahead[-1])}"))
    return out


def _drift(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    bad = (Status.BREACHED, Status.WARNING)
    wanted = ("drift", "drift.prediction", "drift.label", "drift.multivariate")
    return [
        Finding(Flag.WATCH, _why(subject, v) if v.check == "drift" else f"{v.check}: {_why(subject, v)}")
        for v in newest
        if v.check in wanted and not v.slice and v.status in bad
    ]


def _unknown(subject: Subject, every: Sequence[Verdict], newest: Sequence[Verdict]) -> list[Finding]:
    failed = [v for v in newest if v.status == Status.FAILED]
    if not failed:
        return []
    return [Finding(Flag.WATCH, f"{len(failed)} checks failed: {failed[0].check}: {failed[0].reason}")]
