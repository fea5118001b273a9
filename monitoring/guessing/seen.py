"""A column of a log as a sample shows it, and the words that names of columns are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from monitoring.core.profile import ColumnType
from monitoring.logs.expressions import POSITIVE


def _points(words: dict[float, str]) -> dict[str, float]:
    return {word: points for points, listed in words.items() for word in listed.split()}


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# what a word in a column's name says for a part
TIME = _points({3: "timestamp datetime", 2: "ts time at when moment", 1: "date utc"})
ASKED = _words("predicted prediction request requested event logged log scored called pred inference")
LATER = _words(
    "observed landed settled resolved labelled labeled label closed outcome actual known arrived "
    "delivered completed finished ended updated birth born dob signup expires paid"
)
IDENTITY = _points({4: "uuid guid", 3: "id", 2: "ref reference unnamed", 1.5: "key nr index idx"})
ENTITY = _words("customer user client account session device merchant store driver product item model")
SCORE = _points(
    {
        3: "score prob proba probability propensity likelihood softmax",
        2: "confidence p pd scores",
        1.5: "risk",
        1: "prediction predicted pred",
    }
)
PREDICTED = _points(
    {
        4: "yhat",
        3: "pred predicted prediction hat forecast forecasted",
        2.5: "estimate estimated preds",
        2: "eta",
        1.5: "decision said output",
    }
)
LABEL = _points(
    {
        4: "label truth",
        3.5: "actual",
        3: "labels target actuals realised realized",
        2.5: "outcome y gt true",
        2: "observed",
        1.5: "result",
    }
)
EVENT = _words(
    "churned churn converted conversion defaulted default late clicked click fraud cancelled canceled "
    "survived returned repaid readmitted bought purchased spam chargeback bad"
)
INPUT = _words("prev previous lag last avg mean prior rate rolling count num n")
LATENCY = _points(
    {
        3: "latency",
        2.5: "elapsed took",
        2: "runtime",
        1.5: "ms millis milliseconds",
        0.5: "duration response inference time",
    }
)
SECONDS = _words("s sec secs second seconds")
STATUS = _points({3: "status", 2: "http ok success succeeded", 1: "code state", 0.5: "response result"})
WORKED = _words("ok success succeeded error failed failure fail timeout timed_out exception true false")
VERSION = _points({4: "version", 3: "ver", 2: "variant revision", 1.5: "build release champion"})
CODE = _words(
    "code type zone category cat class cluster segment region channel group kind id flag is has grade mcc "
    "zip bucket label"
)
COUNT = _words("n num count number qty quantity age days hours months years hour children size")
SLICE = _words(
    "origin region country segment channel device platform carrier market city gender sex tier plan state "
    "store group type purpose product vehicle category"
)
LOWER = _words("lower lo low p10 p05 p5 q10")
UPPER = _words("upper hi high p90 p95 q90")
CODES, CLASSES = 20, 50


@dataclass(frozen=True)
class Seen:
    """A column as the sample shows it."""

    name: str
    kind: ColumnType
    values: pd.Series

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The words of the name, lower case: "predictedAt" is predicted, at."""
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name)
        return tuple(re.findall(r"[a-z]+\d*|\d+", spaced.lower()))

    def named(self, words: dict[str, float]) -> float:
        """The points of the name: those of its best word, and a little for a second one."""
        found = sorted((float(words[t]) for t in set(self.tokens) if t in words), reverse=True)
        return found[0] + 0.5 * sum(found[1:]) if found else 0.0

    def says(self, words: Iterable[str]) -> bool:
        """Whether one of these words is in the name."""
        return not set(words).isdisjoint(self.tokens)

    @cached_property
    def known(self) -> pd.Series:
        """The values that are there."""
        return self.values.dropna()

    @cached_property
    def distinct(self) -> list[str]:
        """Different values as text, the most frequent first."""
        return [as_text(v) for v in self.known.value_counts().index] if self.kind != "other" else []

    @cached_property
    def numbers(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The values as numbers; none where it holds something else."""
        if self.kind not in ("number", "boolean"):
            return np.array([], dtype=np.float64)
        return np.asarray(pd.to_numeric(self.known, errors="coerce").astype("float64"))

    @cached_property
    def whole(self) -> bool:
        """Whole numbers only."""
        return bool(len(self.numbers)) and bool(np.all(self.numbers == np.floor(self.numbers)))

    @property
    def repeats(self) -> int:
        """Rows whose value another row has."""
        return len(self.known) - len(self.distinct)

    @property
    def probable(self) -> bool:
        """A number in [0, 1] with many values."""
        x = self.numbers
        many = min(10, max(3, len(x) // 3))
        return self.kind == "number" and bool(len(x)) and x.min() >= 0 and x.max() <= 1 and len(self.distinct) >= many

    @property
    def continuous(self) -> bool:
        """A number with more values than classes would have."""
        return (
            self.kind == "number"
            and len(self.distinct) > min(CODES, max(5, len(self.known) // 3))
            and not self.probable
        )

    @property
    def classes(self) -> bool:
        """Few values, as a class has."""
        few = 2 <= len(self.distinct) <= CLASSES and (self.repeats > 0 or len(self.known) < 5)
        return few and (self.kind in ("text", "boolean") or (self.kind == "number" and self.whole))

    @cached_property
    def moments(self) -> pd.Series | None:
        """The values as times, where they can be."""
        if self.kind == "time":
            return pd.to_datetime(self.known, utc=True, errors="coerce")
        if self.kind == "number" and self.whole and len(self.numbers):
            low, high = self.numbers.min(), self.numbers.max()
            second = next((f for f in _SECOND if 9e8 * f <= low and high <= 4e9 * f), None)
            if second is None:
                return None
            return pd.Series(pd.to_datetime(self.numbers / second, unit="s", utc=True), index=self.known.index)
        if self.kind == "text" and len(self.known) and self.known.astype(str).str.match(r"\d{4}-\d\d-\d\d").all():
            found = pd.to_datetime(self.known, utc=True, errors="coerce", format="ISO8601")
            return None if found.isna().any() else found
        return None

    @property
    def epoch(self) -> str:
        """How a number counts time, in words."""
        low = self.numbers.min()
        return next(word for f, word in _SECOND.items() if 9e8 * f <= low <= 4e9 * f)


_SECOND = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
"""How many of a unit are a second: a whole number is a time in it if that falls between 1998 and 2096."""


def works(c: Seen) -> bool:
    """Whether a column says how calls went: ok and error, or HTTP codes."""
    if not c.distinct or len(c.distinct) > 40 or (c.kind == "boolean" and not c.says({"ok", "success", "succeeded"})):
        return False
    if c.kind == "number":
        return c.whole and c.numbers.min() >= 100 and c.numbers.max() < 600
    good = [v.lower() in WORKED or bool(re.fullmatch(r"[1-5]\d\d", v)) for v in c.distinct]
    return sum(good) >= 0.8 * len(good)


def ranks(score: Seen, label: Seen) -> float:
    """How often a row of one class is scored above a row of the other; 0.5 where it cannot be said."""
    both = pd.DataFrame({"s": pd.to_numeric(score.values, errors="coerce"), "l": label.values}).dropna()
    texts = both.l.map(as_text)
    if texts.nunique() != 2:
        return 0.5
    truth = next((v for v in label.distinct if v.lower() in POSITIVE), None)
    hit = texts == (truth or label.distinct[-1])
    ranks = both.s.rank()
    n1, n0 = int(hit.sum()), int((~hit).sum())
    if not n1 or not n0:
        return 0.5
    value = (float(ranks[hit].sum()) - n1 * (n1 + 1) / 2) / (n1 * n0)
    return value if truth else max(value, 1 - value)


def as_text(value: Any) -> str:
    """A value as it is written in the fleet file: 1.0 as 1, True as true."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def listed(values: list[str], most: int = 4) -> str:
    """Some values in words."""
    return ", ".join(v[:30] for v in values[:most]) + (
        f" and {len(values) - most:,} more" if len(values) > most else ""
    )
