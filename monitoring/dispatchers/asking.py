"""Questions to a server that answers in JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monitoring.dispatchers import told
from monitoring.dispatchers.dispatcher import Means
from monitoring.dispatchers.outcome import Refused, Retry, not_learned
from monitoring.notifiers.outcome import Response

NOT_FOUND = 404


def asked(
    means: Means, url: str, headers: Mapping[str, str], found_nothing: tuple[int, ...] = (NOT_FOUND,)
) -> dict[str, Any] | Retry | Refused | None:
    """The JSON object at a URL; None where there is none."""
    answer = means.http.ask("GET", url, None, headers)
    if isinstance(answer, Response) and answer.status in found_nothing:
        return None
    if not isinstance(answer, Response) or not 200 <= answer.status < 300:
        return not_learned(answer, means.now)
    said = told.document(answer.text)
    return Retry(f"{answer.host} answered what is no JSON: {answer.text[:100]!r}") if said is None else said


def listed(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list in a document; empty where it is none."""
    found = document.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def within(name: str, text: Any) -> bool:
    """Whether an order's id stands in a text as a whole: eta-1/1 does not stand in eta-1/12."""
    return isinstance(text, str) and re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text) is not None
