"""The command line: python -m monitoring <command>. Each command is a function of commands.py."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from monitoring import __version__
from monitoring.errors import LeewayError
from monitoring.instant import instant


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status. 2: the input could not be used, and stderr says why."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        from monitoring import commands

        status: int = getattr(commands, options.command.replace("-", "_"))(options)
        return status
    except LeewayError as error:
        print(f"leeway: {error.sentence}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone: `leeway export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m monitoring", description="Leeway: watch models after they are deployed."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    up = commands.add_parser("up", help="start dashboard and worker; stop both with Ctrl-C")
    up.add_argument("--demo", action="store_true", help="load the demo fleet first, where no model is watched yet")
    commands.add_parser("worker", help="the worker alone: evaluate, answer requests, repeat")
    demo = commands.add_parser("demo", help="load the demo fleet: six models over real flights and taxis")
    demo.add_argument("--again", action="store_true", help="lay its logs down anew, beginning at the present")

    apply = commands.add_parser("apply", help="add or change models from a fleet file")
    apply.add_argument("fleet", type=Path, metavar="FLEET")
    apply.add_argument("--prune", action="store_true", help="stop watching models that the file does not hold")
    commands.add_parser("export", help="print the fleet as a file")
    channel = commands.add_parser("channel", help="send a test through a channel, from here and now")
    channel.add_argument("action", choices=("test",))
    channel.add_argument("name", metavar="NAME")
    check = commands.add_parser("check", help="is everything reachable? each setting with its help")
    check.add_argument("--fleet", type=Path, help="check a fleet file and its logs as well")

    on_call = commands.add_parser("on-call", help="who is on call, who is next, and where is a gap?")
    on_call.add_argument("--at", type=_moment, metavar="T", help="at this moment instead of now")

    evaluate = commands.add_parser("evaluate", help="judge models now; with --fleet, without anything set up before")
    evaluate.add_argument("--fleet", type=Path, help="a fleet file; its state is thrown away afterwards")
    evaluate.add_argument("--model", help="only the model of this key")
    evaluate.add_argument("--from", dest="start", type=_moment, metavar="T", help="only windows that end after T")
    evaluate.add_argument("--to", dest="end", type=_moment, metavar="T", help="only windows that begin before T")
    evaluate.add_argument("--as-of", type=_moment, metavar="T", help="use only rows logged and labels observed by T")
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write every verdict to OUT; - is standard output")
    evaluate.add_argument("--fail-on", choices=("warning", "breached"), help="exit 1 when a verdict is at least that")

    diagnose = commands.add_parser("diagnose", help="why performance fell, and whether retraining is likely to help")
    diagnose.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    diagnose.add_argument("--model", required=True)
    diagnose.add_argument("--from", dest="start", type=_moment, metavar="T", help="diagnose this span of time")
    diagnose.add_argument("--to", dest="end", type=_moment, metavar="T", help="(default: the breach that goes on)")
    diagnose.add_argument("--as-of", type=_moment, metavar="T", help="use only rows logged and labels observed by T")
    diagnose.add_argument("--json", type=Path, metavar="OUT", help="write the diagnosis to OUT; - is standard output")

    versions = commands.add_parser("compare", help="champion against challenger on the same labelled rows")
    versions.add_argument("champion", help="a version in the prediction log; shadow or shadow:V, in the shadow log")
    versions.add_argument("challenger")
    versions.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    versions.add_argument("--model", required=True)
    versions.add_argument("--from", dest="start", type=_moment, metavar="T", help="only rows predicted after T")
    versions.add_argument("--to", dest="end", type=_moment, metavar="T", help="only rows predicted before T")
    versions.add_argument("--as-of", type=_moment, metavar="T", help="use only rows logged and labels observed by T")
    versions.add_argument("--metric", default="", help="what decides (default: the metric the model is judged by)")
    versions.add_argument("--json", type=Path, metavar="OUT", help="write the comparison to OUT; - is standard output")

    back = commands.add_parser("backtest", help="what other thresholds would have done, by the stored verdicts")
    back.add_argument("--model", metavar="K", help="the model whose own threshold is another one")
    back.add_argument("--check", metavar="C")
    back.add_argument("--column")
    back.add_argument("--method")
    back.add_argument("--warning", type=float, metavar="X")
    back.add_argument("--breached", type=float, metavar="X")
    back.add_argument("--min-rows", type=int, metavar="N")
    back.add_argument("--false-alarms", type=float, metavar="X", help="the budget of a drift check, a quarter")
    back.add_argument("--for", dest="wait", metavar="2h", help="how long it must be bad before it fires")
    back.add_argument("--keep-firing-for", dest="keep", metavar="2h", help="how long good before it is resolved")
    back.add_argument("--rules", type=Path, metavar="FILE", help="rules and thresholds of a fleet file instead")
    back.add_argument("--days", type=int, default=90)
    back.add_argument("--zone", default="UTC", help="whose nights, where no team with a zone has the model")
    back.add_argument("--json", action="store_true", help="print an object instead of a table")

    report = commands.add_parser("report", help="an Evidently report (HTML) of a window against the reference")
    report.add_argument("--fleet", type=Path, help="take the model from a fleet file instead of the database")
    report.add_argument("--model", required=True)
    report.add_argument("--from", dest="start", type=_moment, required=True, metavar="T")
    report.add_argument("--to", dest="end", type=_moment, required=True, metavar="T")
    report.add_argument("--reference-from", type=_moment, metavar="T", help="compare with this window instead")
    report.add_argument("--reference-to", type=_moment, metavar="T")
    report.add_argument("--out", type=Path, help="where to write it (default: <model>.html)")

    rebaseline = commands.add_parser("rebaseline", help="freeze the reference anew and read the logs again")
    rebaseline.add_argument("--model", required=True)
    rebaseline.add_argument(
        "--from", dest="start", type=_moment, metavar="T", help="a new reference window begins here"
    )
    rebaseline.add_argument("--to", dest="end", type=_moment, metavar="T")

    retrain = commands.add_parser("retrain", help="retrain requests: ask for one, decide on it, list them")
    step = retrain.add_subparsers(dest="action", required=True, metavar="action")
    step.add_parser("list", help="the newest requests, and how they stand").add_argument("--model")
    asked = step.add_parser("ask", help="request a retrain of a model")
    asked.add_argument("model", metavar="MODEL")
    asked.add_argument("--reason", required=True)
    step.add_parser("show", help="one request with its history").add_argument("request", metavar="REQUEST")
    for name, words in (
        ("approve", "let it be dispatched; against objections with --reason"),
        ("cancel", "end it before there is a candidate"),
        ("promote", "let the candidate serve; one not known to be better with --reason"),
        ("reject", "put the candidate away"),
        ("roll-back", "let the version before serve again"),
    ):
        decided = step.add_parser(name, help=words)
        decided.add_argument("request", metavar="REQUEST")
        decided.add_argument("--reason", default="")

    token = commands.add_parser("token", help="tokens of the API: make one, list them, revoke one")
    of_token = token.add_subparsers(dest="action", required=True, metavar="action")
    new = of_token.add_parser("make", help="make one, and print it this one time")
    new.add_argument("name", metavar="NAME")
    new.add_argument(
        "--scope", dest="scopes", action="append", required=True, help="retrain:read or retrain:write; again for both"
    )
    new.add_argument("--days", type=int, metavar="N", help="how long it holds (default: until it is revoked)")
    of_token.add_parser("list", help="every token, without itself")
    of_token.add_parser("revoke", help="refuse it from now on").add_argument("name", metavar="NAME")

    slo = commands.add_parser("slo", help="objectives as OpenSLO or as Prometheus rules")
    action = slo.add_subparsers(dest="action", required=True, metavar="action")
    written = action.add_parser("export", help="print the objectives of all models, or of one")
    written.add_argument("--format", choices=("openslo", "prometheus"), default="openslo")
    written.add_argument("--model", help="only the model of this key")
    written.add_argument("--fleet", type=Path, help="those of a fleet file instead of the database")
    taken = action.add_parser("import", help="take the objectives of OpenSLO documents for the models they name")
    taken.add_argument("file", type=Path, metavar="FILE")
    return parser


def _moment(text: str) -> object:
    try:
        return instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment; write 2026-05-14 or 2026-05-14T06:00:00Z") from error


if __name__ == "__main__":
    sys.exit(main())
