"""What vendors say that they take, as checks that raise: by the vendor's own library or schema, where there is one.

Limits: https://docs.slack.dev/reference/block-kit/blocks,
https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ with PagerDuty's OpenAPI document of the same,
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft6Validator, Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from slack_sdk.models.blocks import Block

BLOCKS, SECTION, HEADER, CONTEXT, ACTIONS, BUTTON, ADDRESS = 50, 3_000, 150, 10, 25, 75, 3_000
TOGETHER = 12_000
"""Letters of all of Slack's blocks together, as its refusals show: it is written nowhere."""
CARD = 28 * 1024
EVENT = 512 * 1024

ADDRESS_OF = {"type": "string", "pattern": "^https?://", "maxLength": 2_083}
EVENT_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["routing_key", "event_action", "dedup_key"],
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "client_url": ADDRESS_OF,
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["href"],
                "properties": {"href": ADDRESS_OF, "text": {"type": "string"}},
            },
        },
        "images": {"type": "array"},
        "payload": {
            "type": "object",
            "additionalProperties": False,
            "required": ["summary", "source", "severity"],
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1_024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "format": "date-time"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}


def slack_takes(body: bytes) -> None:
    """By Slack's SDK, and by the limits that it does not look at."""
    message = json.loads(body)
    assert set(message) <= {"text", "blocks"} and message["text"]
    assert 1 <= len(message["blocks"]) <= BLOCKS
    for document in message["blocks"]:
        block = Block.parse(document)
        assert block is not None and block.type == document["type"], "an unknown block is passed over"
        block.validate_json()
        texts = [document["text"]] if "text" in document else document["elements"]
        most = {"header": HEADER, "section": SECTION, "context": SECTION, "actions": BUTTON}[document["type"]]
        for text in texts:
            assert 1 <= len(text["text"] if isinstance(text["text"], str) else text["text"]["text"]) <= most
            assert len(text.get("url", "")) <= ADDRESS
        assert len(document.get("elements", ())) <= (ACTIONS if document["type"] == "actions" else CONTEXT)
    assert len(json.dumps(message["blocks"], ensure_ascii=False)) <= TOGETHER


def teams_takes(body: bytes) -> None:
    """By Microsoft's schema of the card's version, and by the size of the whole."""
    message = json.loads(body)
    (attached,) = message["attachments"]
    assert (message["type"], attached["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert set(attached) == {"contentType", "contentUrl", "content"}
    card = dict(attached["content"])
    assert card.pop("msteams") == {"width": "Full"}, "an extension of Teams, which the schema does not know"
    problem = best_match(_schema(card["version"]).iter_errors(card))
    assert problem is None, f"{list(problem.path)}: {problem.message[:200]}"
    unknown = {found["type"] for found in _typed(card)} - {"AdaptiveCard", "RichTextBlock", "TextRun", "Action.OpenUrl"}
    assert not unknown, "the schema passes over what it does not know"
    assert card["body"] and len(body) <= CARD


def pagerduty_takes(body: bytes) -> None:
    """By its fields and limits, and by the size of the whole."""
    problems = list(Draft202012Validator(EVENT_SCHEMA, format_checker=FormatChecker()).iter_errors(json.loads(body)))
    assert not problems, [error.message for error in problems]
    assert len(body) <= EVENT


@cache
def _schema(version: str) -> Draft6Validator:
    text = (files("adaptive_cards") / "schemas" / f"schema-{version}.json").read_text(encoding="utf-8")
    return Draft6Validator(json.loads(text))


def _typed(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "type" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _typed(one)
