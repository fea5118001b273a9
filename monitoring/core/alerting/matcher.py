"""A matcher: what a label must be. Semantics and syntax are Alertmanager's.

https://prometheus.io/docs/alerting/latest/alertmanager/#matchers
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import re2

Op = Literal["=", "!=", "=~", "!~"]
LABELS = ("model", "owner", "check", "column", "slice", "version", "method", "severity", "kind")
"""The labels that an alert has. One that it lacks is the empty string."""

_ONE = re.compile(r'\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,{}"]*)\s*(?:,|(?=\s)|$)')
_QUIET = re2.Options()
_QUIET.log_errors = False


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    """RE2, as in Alertmanager: linear in the text whatever the pattern, so that none can hang the worker."""
    return re2.compile(pattern, _QUIET)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label held against a value, or a regular expression that must fit the whole of it."""

    label: str
    op: Op
    value: str

    def __post_init__(self) -> None:
        if self.label not in LABELS:
            raise ValueError(f"no label is called {self.label!r}; the labels are {', '.join(LABELS)}")
        if self.op not in ("=", "!=", "=~", "!~"):
            raise ValueError(f"a matcher is one of = != =~ !~, not {self.op!r}")
        if self.op in ("=~", "!~"):
            try:
                _compiled(self.value)
            except re2.error as error:
                said = error.args[0]
                words = said.decode() if isinstance(said, bytes) else said
                raise ValueError(f"{self.value!r} is no regular expression: {words}") from error

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels are as it says."""
        value = labels.get(self.label, "")
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return (_compiled(self.value).fullmatch(value) is not None) == (self.op == "=~")

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.op}"{quoted}"'


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher fits."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse(text: str) -> tuple[Matcher, ...]:
    """Matchers as Alertmanager writes them: `model="eta", check=~"drift.*"`, in braces or not; commas may be left out.

    Raises ValueError where it is not that.
    """
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1].strip()
    found = []
    while rest:
        one = _ONE.match(rest)
        if one is None:
            raise ValueError(f'write label="value", such as model="eta" check=~"drift.*", not {rest!r}')
        value = one[3]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else str(m[1]), value[1:-1], flags=re.DOTALL)
        found.append(Matcher(one[1], cast(Op, one[2]), value))
        rest = rest[one.end() :].strip()
    return tuple(found)


def any_of(label: str, values: Iterable[str]) -> Matcher | None:
    """The matcher of a label that is one of some values; None for no value, which is any."""
    wanted = list(dict.fromkeys(values))
    if len(wanted) <= 1:
        return Matcher(label, "=", wanted[0]) if wanted else None
    return Matcher(label, "=~", "|".join(re2.escape(value) for value in wanted))
