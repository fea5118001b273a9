"""What each command does. All take the parsed options and return the exit status."""

from __future__ import annotations

import getpass
import json
import os
import sys
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from monitoring import fleet as fleets
from monitoring.core.verdict import Status, Verdict
from monitoring.errors import FleetError, LeewayError, SourceError
from monitoring.fleet_logs import hidden
from monitoring.notifiers.outcome import Delivered
from monitoring.notifiers.registry import parse as parse_channel
from monitoring.settings import HELP, Settings, load, variable
from monitoring.store import channels, models, oncall, retrains, rules
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.models import Watched

ROOT = Path(__file__).parent.parent
WORSE = {"warning": (Status.WARNING, Status.BREACHED, Status.FAILED), "breached": (Status.BREACHED, Status.FAILED)}


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def actor() -> str:
    """Who is at the keyboard."""
    return f"cli:{getpass.getuser()}"


def open_store(settings: Settings) -> Engine:
    """The database of the settings, with its tables up to date."""
    store = connect(settings.database)
    migrate(store)
    return store


def up(options: Namespace) -> int:
    """Start dashboard and worker."""
    from monitoring.up import run

    settings = load()
    store = open_store(settings)
    if options.demo:
        with reading(store) as session:
            empty = not models.export(session)
        if empty:
            _demo(settings, store)
        os.environ[variable("commands")] = _with_trainer(settings)
    store.dispose()
    return run(settings, ROOT)


def worker(options: Namespace) -> int:
    """The worker alone."""
    from monitoring.worker import work

    settings = load()
    work(open_store(settings), settings, now)
    return 0


def demo(options: Namespace) -> int:
    """Load the demo fleet."""
    settings = load()
    if options.again:
        import shutil

        shutil.rmtree(settings.home / "demo", ignore_errors=True)
    _demo(settings, open_store(settings))
    return 0


def apply(options: Namespace) -> int:
    """Add or change models."""
    store = open_store(load())
    file = fleets.load_sections(options.fleet)
    base = options.fleet.resolve().parent
    reason = f"Applied from {options.fleet.name}."
    with transaction(store) as session:
        done = models.apply(session, file["models"], base, actor(), now(), reason)
        gone = [w.key for w in models.watched(session) if w.key not in done] if options.prune else []
        for key in gone:
            models.remove(session, key, actor(), now())
        done |= rules.apply(session, file.get("rules", []), actor(), now(), reason)
        done |= channels.apply(session, [parse_channel(c) for c in file.get("channels", [])], actor(), now())
        done |= oncall.apply(session, file.get("people", []), file.get("teams", []), actor(), now())
        if options.prune:
            gone += rules.prune(session, file, actor(), now(), reason)
            gone += oncall.prune(session, file, actor(), now())
            gone += channels.prune(session, file, actor(), now())
    for key, what in [*done.items(), *((key, "removed") for key in gone)]:
        print(f"{key}: {what}")
    return 0


def export(options: Namespace) -> int:
    """Print the fleet as a file."""
    with reading(open_store(load())) as session:
        others = {"rules": rules.export(session)} | oncall.export(session) | {"channels": channels.export(session)}
        print(fleets.dump(models.export(session), **others), end="")
    return 0


def on_call(options: Namespace) -> int:
    """Print who is on call, who is next, and the gaps of the next days."""
    from monitoring.on_call import lines
    from monitoring.store.queries.oncall import board, known

    at = options.at or now()
    with reading(open_store(load())) as session:
        found = board(known(session, at), at)
    for line in lines(found, at):
        print(line)
    return 0


def channel(options: Namespace) -> int:
    """Send a test through a channel, from here and now; 1 where it did not arrive."""
    import uuid

    from monitoring.sender import deliver, http_of

    settings = load()
    with reading(open_store(settings)) as session:
        document = channels.document(session, options.name)
    notification = channels.test_notification(f"test-{uuid.uuid4().hex}", actor(), now())
    found = deliver(document, notification, http_of(settings, now), os.environ)
    if isinstance(found, Delivered):
        print(f"{options.name}: delivered" + (f" ({found.note})" if found.note else ""))
        return 0
    print(f"{options.name}: not delivered: {found.reason}", file=sys.stderr)
    return 1


def backtest(options: Namespace) -> int:
    """Print what other thresholds would have done."""
    from monitoring import backtest_report
    from monitoring.backtest import back_test

    with reading(open_store(load())) as session:
        proposal = backtest_report.proposal(session, options)
        found = back_test(session, proposal, options.days, now(), options.zone)
    if options.json:
        print(json.dumps(backtest_report.as_json(found), indent=1, allow_nan=False))
    else:
        print("\n".join(backtest_report.lines(found)))
    return 0


def check(options: Namespace) -> int:
    """Is everything reachable? Prints settings with their help, then the database, channels, dispatchers and logs."""
    from monitoring.logs.reader import LogReader

    settings = load()
    for name, text in HELP.items():
        value = str(getattr(settings, name))
        print(f"{variable(name)}={hidden(value)}\n    {text}")
    if options.fleet:
        found = _throw_away(options.fleet, None)[1]
        told = fleets.load_sections(options.fleet).get("channels", [])
    else:
        with reading(open_store(settings)) as session:
            found, told = models.watched(session), channels.export(session)
        print("database: reachable")
    bad = _check_channels(told, settings) + _check_dispatchers(found, settings)
    for watched in found:
        try:
            reader = LogReader(watched.model, watched.base)
            try:
                for role in reader.roles:
                    reader.relation(role, reader.parts(role))
            finally:
                reader.close()
            notes = [*reader.bad.values(), *reader.notices]
            print(f"{watched.key}: reachable" + (f" ({'; '.join(notes)})" if notes else ""))
        except LeewayError as error:
            bad += 1
            print(f"{watched.key}: {error.sentence}", file=sys.stderr)
    return 2 if bad else 0


def _check_channels(documents: list[dict[str, Any]], settings: Settings) -> int:
    """Whether every channel's secrets are set and its receiver may be reached; nothing is sent. How many may not."""
    from monitoring.notifiers.secrets import Secrets
    from monitoring.sender import http_of

    bad, http = 0, http_of(settings, now)
    for document in documents:
        secrets = Secrets(os.environ)
        try:
            parse_channel(document).expanded(secrets.expand).check(http)
            print(f"channel {document['name']}: may be reached")
        except (LeewayError, OSError) as error:
            bad += 1
            words = error.sentence if isinstance(error, LeewayError) else str(error)
            print(f"channel {document['name']}: {secrets.redact(words)}", file=sys.stderr)
    return bad


def _check_dispatchers(found: list[Watched], settings: Settings) -> int:
    """Whether every dispatcher's secrets are set and it may be used; nothing is ordered. How many may not."""
    from monitoring.dispatchers.dispatcher import Means
    from monitoring.notifiers.secrets import Secrets
    from monitoring.sender import http_of

    bad, http = 0, http_of(settings, now)
    for watched in found:
        wanted = watched.model.retraining
        for name, dispatcher in (("dispatcher", wanted.dispatcher), ("registry", wanted.registry)):
            if dispatcher is None:
                continue
            secrets = Secrets(os.environ)
            try:
                means = Means(http, settings.home, watched.base, os.environ, settings.commands)
                dispatcher.expanded(secrets.expand).check(means)
                print(f"{name} of {watched.key}: may be used")
            except (LeewayError, OSError) as error:
                bad += 1
                words = error.sentence if isinstance(error, LeewayError) else str(error)
                print(f"{name} of {watched.key}: {secrets.redact(words)}", file=sys.stderr)
    return bad


def evaluate(options: Namespace) -> int:
    """Judge models: those of a fleet file in a throw-away database, or those of the database."""
    from monitoring.evaluate import Scope
    from monitoring.evaluate import evaluate as judge

    if options.fleet:
        store, found = _throw_away(options.fleet, options.model)
        scope = Scope(None, options.as_of, options.start, options.end, finished=options.as_of is None)
    else:
        store = open_store(load())
        with reading(store) as session:
            found = models.watched(session, options.model)
        if options.as_of is not None:
            raise FleetError(
                "--as-of looks at what was known then, which needs throw-away state",
                where="evaluate",
                mend="Give --fleet as well; `export` writes the file.",
            )
        scope = Scope(None, None, options.start, options.end)
    verdicts: list[Verdict] = []
    unusable = 0
    for watched in found:
        mine = judge(store, watched, scope, now, lambda share, words, key=watched.key: _progress(key, share, words))  # type: ignore[misc]
        unusable += mine[-1].status == Status.FAILED and len(mine) == 1
        verdicts += mine
        _print(mine, sys.stderr if str(options.json) == "-" else sys.stdout)
    if options.model is None:
        verdicts = _incidents(store, verdicts, options)
    if options.json:
        _write([v.as_json() for v in verdicts], options.json)
    if unusable == len(found) and found:
        return 2
    return int(bool(options.fail_on) and any(v.status in WORSE[options.fail_on] for v in verdicts))


def _incidents(store: Engine, verdicts: list[Verdict], options: Namespace) -> list[Verdict]:
    """Bring the incidents up to date and print them; the verdicts, with each cause named in the summings-up."""
    from monitoring.incidents import mentioned, update

    moment = options.as_of or now()
    found = update(store, moment)
    for incident in found:
        print(f"Shared cause: {incident.title(moment)}.", file=sys.stderr if str(options.json) == "-" else sys.stdout)
    return mentioned(verdicts, found, moment)


def diagnose(options: Namespace) -> int:
    """Why a model's performance fell; of a fleet file, it is evaluated first where no span of time is given."""
    from monitoring.core.diagnosis.diagnosis import as_document
    from monitoring.core.diagnosis.words import cause, lines, sentence
    from monitoring.diagnose import on_demand

    if bool(options.start) != bool(options.end):
        raise FleetError("give --from and --to together", where="diagnose")
    span = (options.start, options.end) if options.start else None
    if options.fleet:
        from monitoring.evaluate import Scope
        from monitoring.evaluate import evaluate as judge

        store, found = _throw_away(options.fleet, options.model)
        if span is None:
            scope = Scope(None, options.as_of, finished=options.as_of is None, diagnosed=False)
            judge(store, found[0], scope, now, partial(_progress, options.model))
    else:
        store = open_store(load())
        with reading(store) as session:
            found = models.watched(session, options.model)
    made = on_demand(store, found[0], span, options.as_of, now, partial(_progress, options.model)).content
    assert made is not None
    if options.json:
        said = {"advice": str(made.advice), "sentence": sentence(made), "cause": cause(made)}
        _write(said | as_document(made), options.json)
    print("\n".join(lines(made)), file=sys.stderr if str(options.json) == "-" else sys.stdout)
    return 0


def compare(options: Namespace) -> int:
    """Champion against challenger."""
    from monitoring import comparing
    from monitoring.core.comparison.comparison import as_document
    from monitoring.core.comparison.words import lines

    watched = _one(options, load())
    found = comparing.compare(
        watched.model, watched.base, *(comparing.Side.of(text) for text in (options.champion, options.challenger)),
        since=options.start, until=options.end, as_of=options.as_of, metric=options.metric,
        shadow=watched.model.retraining.shadow, progress=partial(_progress, options.model),
    )  # fmt: skip
    if options.json:
        _write(as_document(found), options.json)
    print("\n".join(lines(found)), file=sys.stderr if str(options.json) == "-" else sys.stdout)
    return 0


def report(options: Namespace) -> int:
    """An Evidently report."""
    from monitoring.evidently.report import create as build

    settings = load()
    watched = _one(options, settings)
    other = (options.reference_from, options.reference_to)
    if any(other) and not all(other):
        raise FleetError("give --reference-from and --reference-to together", where="report")
    _progress(watched.key, 0.0, "building the report (Evidently takes some 10 s to start)")
    made = build(
        watched.model,
        watched.base,
        (options.start, options.end),
        other if all(other) else None,
        settings.home / "reports",
    )
    out = options.out or Path(f"{watched.key}.html")
    out.write_bytes(made.read_bytes())
    print(out)
    return 0


def rebaseline(options: Namespace) -> int:
    """Freeze the reference anew, on another window where one is given."""
    from monitoring.rebaseline import rebaseline as freeze

    if bool(options.start) != bool(options.end):
        raise FleetError("give --from and --to together", where="rebaseline")
    window = (options.start, options.end) if options.start else None
    store = open_store(load())
    found = freeze(
        store, options.model, window, actor(), now, lambda share, words: _progress(options.model, share, words)
    )
    _print(found, sys.stdout)
    return 0


def slo(options: Namespace) -> int:
    """Objectives out, as OpenSLO or Prometheus rules; or in, from OpenSLO."""
    from monitoring import openslo

    if options.action == "import":
        try:
            text = options.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FleetError("cannot be read", where=str(options.file), mend=f"Is the path right? ({error})") from error
        found = openslo.read(text, str(options.file))
        with transaction(open_store(load())) as session:
            changed = models.take_objectives(session, found, actor(), now(), f"Imported from {options.file.name}.")
        for key, what in changed.items():
            print(f"{key}: {what}, {len(found[key])} objectives")
        return 0
    if options.fleet:
        watched = _throw_away(options.fleet, options.model)[1]
    else:
        with reading(open_store(load())) as session:
            watched = models.watched(session, options.model)
    if options.format == "openslo":
        print(openslo.export([w.model for w in watched]), end="")
    else:
        print(openslo.prometheus([w.model for w in watched]), end="")
    return 0


def retrain(options: Namespace) -> int:
    """Retrain requests: asked for, decided on, listed."""
    from monitoring import retrain_report, retraining
    from monitoring.core.retraining.request import Cause
    from monitoring.store.queries import retraining as asked

    store, moment = open_store(load()), now()
    if options.action == "list":
        with reading(store) as session:
            print("\n".join(retrain_report.table(asked.requests(session, options.model), moment)))
        return 0
    said: list[str] = []
    with transaction(store) as session:
        if options.action == "ask":
            model = models.watched(session, options.model)[0]
            found, new = retraining.ask(session, model, Cause.PERSON, options.reason, actor(), moment)
            said = ["Requested." if new else "There is an open request already:"]
        elif options.action == "show":
            found = retrains.one(session, options.request)
        else:
            decide = getattr(retraining, options.action.replace("-", "_"))
            found = decide(session, options.request, actor(), moment, options.reason)
        said += retrain_report.lines(found, asked.history(session, found.key))
    print("\n".join(said))  # what is done stays done where nobody reads on: `retrain ask … | head -1`
    return 0


def token(options: Namespace) -> int:
    """Tokens of the API: made and shown once, listed, revoked."""
    from monitoring import token_report
    from monitoring.store import tokens

    store, moment = open_store(load()), now()
    with transaction(store) as session:
        if options.action == "make":
            until = token_report.expiry(options.days, moment)
            said = [tokens.make(session, options.name, options.scopes, actor(), moment, until)]
        elif options.action == "revoke":
            tokens.revoke(session, options.name, actor(), moment)
            said = [f"{options.name}: revoked"]
        else:
            said = token_report.table(tokens.known(session), moment)
    print("\n".join(said), flush=True)
    if options.action == "make":
        print("It is shown once, and kept nowhere: put it where it is used.", file=sys.stderr)
    return 0


def _with_trainer(settings: Settings) -> str:
    """What commands may be run, and the one that retrains the demo's models: whoever asks for the demo, asks for it."""
    from monitoring.demo import allowed

    return "; ".join(filter(None, (settings.commands, allowed(ROOT / "data"))))


def _demo(settings: Settings, store: Engine) -> None:
    from monitoring import demo as demos
    from monitoring.evaluate import Scope
    from monitoring.evaluate import evaluate as judge
    from monitoring.incidents import update

    moment = now()
    file = demos.load(
        ROOT / "data", settings.home / "demo", moment, lambda words, share: _progress("demo", share, words)
    )
    sections = fleets.load_sections(file)
    with transaction(store) as session:
        models.apply(session, sections["models"], file.resolve().parent, "demo", moment)
        oncall.apply(session, sections.get("people", []), sections.get("teams", []), "demo", moment)
    with reading(store) as session:
        found = models.watched(session)
    for watched in found:
        mine = judge(store, watched, Scope(), now, lambda share, words, key=watched.key: _progress(key, share, words))  # type: ignore[misc]
        _print(mine, sys.stdout)
    for incident in update(store, moment):
        print(f"Shared cause: {incident.title(moment)}.")


def _throw_away(file: Path, key: str | None) -> tuple[Engine, list[Watched]]:
    """A database in memory that holds the fleet of a file."""
    sections = fleets.load_sections(file)
    store = connect(MEMORY)
    create(store)
    with transaction(store) as session:
        models.apply(session, sections["models"], file.resolve().parent, actor(), now())
        rules.apply(session, sections.get("rules", []), actor(), now())
    with reading(store) as session:
        return store, models.watched(session, key)


def _one(options: Namespace, settings: Settings) -> Watched:
    if options.fleet:
        return _throw_away(options.fleet, options.model)[1][0]
    with reading(open_store(settings)) as session:
        return models.watched(session, options.model)[0]


def _print(found: list[Verdict], stream: Any) -> None:
    """The summing-up, and how many verdicts of each status."""
    last = found[-1]
    counts = Counter(str(v.status) for v in found)
    numbers = ", ".join(f"{n:,} {status}" for status, n in counts.most_common())
    print(f"{last.model}: {str(last.flag).upper()}. {' '.join(last.findings)}\n    {numbers}", file=stream)


def _write(objects: list[dict[str, Any]] | dict[str, Any], out: Path) -> None:
    text = json.dumps(objects, indent=1, allow_nan=False) + "\n"
    if str(out) == "-":
        sys.stdout.write(text)
        return
    try:
        temporary = out.with_name(f".{out.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise SourceError(
            f"cannot be written: {error.strerror}", where=str(out), mend="Choose another place."
        ) from error


def _progress(key: str, share: float, words: str) -> None:
    """One line that is written over on a terminal; nothing where nobody watches."""
    if sys.stderr.isatty():
        end = "\n" if share >= 1 else ""
        print(f"\r\033[K{key} {share:4.0%} {words}", end=end, file=sys.stderr, flush=True)
