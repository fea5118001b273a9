"""Who is told where no policy says it: the channels whose matchers fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def fits(matchers: Mapping[str, Sequence[str]], labels: Mapping[str, str]) -> bool:
    """Whether every label that is named has one of the values named for it. No matchers fit everything."""
    return all(labels.get(label, "") in values for label, values in matchers.items() if values)
