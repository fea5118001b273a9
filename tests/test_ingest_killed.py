"""Killed at any point of reading, the next run gives the same summaries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from monitoring import ingest as module
from monitoring.core.summary import BLOCK
from tests.ingested import LABELS, PREDICTIONS, assert_same, bench, everything


class Killed(BaseException):
    """The process ends here. No `except Exception` sees it."""


@dataclass
class Deadly:
    """A function that works until its `fatal`-th call, which kills: before its work or after it."""

    real: Callable[..., Any]
    fatal: int
    after: bool = False
    calls: int = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == self.fatal and not self.after:
            raise Killed
        done = self.real(*arguments, **named)
        if self.calls == self.fatal:
            raise Killed
        return done


WRITES = ("replace_slots", "mark_read", "activate", "save")


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_the_next_run_gives_the_same(
    name: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", BLOCK)  # so that there are several transactions
    for fatal in range(1, 20):
        deadly = Deadly(getattr(module, name), fatal, after)
        with bench(frozen=name != "save") as one:
            one.put("log", PREDICTIONS)
            one.put("some", LABELS[:90], "labels")
            with monkeypatch.context() as patch, suppress(Killed):
                patch.setattr(module, name, deadly)
                one.run()
                one.put("more", LABELS[90:], "labels")
                one.run()
            one.put("more", LABELS[90:], "labels")
            one.run()
            assert_same(one.state(), everything())
        if deadly.calls < fatal:
            assert fatal > 1
            return
    raise AssertionError(f"{name} is called more than 19 times")


def test_killed_at_any_report_of_progress_the_next_run_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", BLOCK)
    for fatal in range(1, 20):
        deadly = Deadly(lambda share, words: None, fatal)
        with bench() as one:
            one.put("log", PREDICTIONS)
            one.put("log", LABELS, "labels")
            with suppress(Killed):
                one.run(deadly)
            one.run()
            assert_same(one.state(), everything())
        if deadly.calls < fatal:
            assert fatal > 1
            return
    raise AssertionError("progress is reported more than 19 times")
