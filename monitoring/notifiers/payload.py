"""What is sent as JSON, as large as its receiver takes it: what does not fit is counted, not spelled out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from monitoring.notifiers.wording import MOST_LINES


def encoded(document: dict[str, Any]) -> bytes:
    """A body in UTF-8. Letters of other scripts are written as they are: escaped, each would take three times the
    bytes. Halves of letters, which no encoding has, are replaced."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def fitted(build: Callable[[int], dict[str, Any]], most: int) -> dict[str, Any]:
    """The document that spells out the most alerts and still takes no more than `most` bytes. `build` makes one for a
    number of alerts; for none it must be small."""
    for shown in range(MOST_LINES, 0, -1):
        document = build(shown)
        if len(encoded(document)) <= most:
            return document
    return build(0)
