"""The API as an OpenAPI 3.1 document: https://spec.openapis.org/oas/v3.1.1.html"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from monitoring import __version__
from monitoring.core.retraining.state import State
from monitoring.store.tokens import SCOPES
from monitoring.web.api_documents import Ask, Callback, Refusal, Request, Requests, WithHistory

REFUSALS = {
    "401": "No token, or one that is not known, has expired or was revoked.",
    "403": "The token lacks the scope.",
    "404": "There is no such thing.",
    "413": "The body is larger than 64 KB.",
    "422": "What was sent cannot be used; the words say which field and why.",
    "503": "The database does not answer.",
}


@cache
def document() -> dict[str, Any]:
    """All of it."""
    inputs = [(Ask, "validation"), (Callback, "validation")]
    outputs = [(one, "serialization") for one in (Request, WithHistory, Requests, Refusal)]
    _, schemas = models_json_schema([*inputs, *outputs], ref_template="#/components/schemas/{model}")  # type: ignore[list-item]
    scopes = " ".join(f"`{name}`: {what}." for name, what in SCOPES.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Leeway",
            "version": __version__,
            "description": "Retrain requests of watched models. Moments are UTC.",
        },
        "paths": {
            "/v1/retrain-requests": {"post": _make(), "get": _several()},
            "/v1/retrain-requests/{key}": {"get": _one()},
            "/v1/retrain-requests/{key}/callback": {"post": _callback()},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": f"Made by `python -m monitoring token make`. Scopes: {scopes}",
                },
                "signature": {
                    "type": "apiKey", "in": "header", "name": "webhook-signature",
                    "description": "Standard Webhooks 1.0: v1, and the HMAC-SHA256 over webhook-id.webhook-timestamp."
                    "body with the dispatcher's callback_secret; at most 5 minutes old.",
                },
            },
        },
    }  # fmt: skip


def _make() -> dict[str, Any]:
    created = _gives("It was made.", WithHistory)
    created["headers"] = {"Location": {"description": "Its address.", "schema": {"type": "string"}}}
    there = _gives("The model has an open request, or this occasion made one before: that one.", WithHistory)
    return {
        "operationId": "makeRetrainRequest", "summary": "Make a retrain request",
        "description": "Needs the scope `retrain:write`. Guards look at it, and a person approves, as of any other.",
        "security": [{"token": []}],
        "requestBody": _takes(Ask),
        "responses": {"201": created, "200": there} | _refusals("401", "403", "404", "413", "422", "503"),
    }  # fmt: skip


def _several() -> dict[str, Any]:
    states: dict[str, Any] = {"type": "array", "items": {"type": "string", "enum": [str(state) for state in State]}}
    parameters = [
        {"name": "model", "in": "query", "description": "Of this model only.", "schema": {"type": "string"}},
        {"name": "state", "in": "query", "description": "In these states only.", "schema": states, "explode": True},
        {
            "name": "limit", "in": "query", "description": "At most so many.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        },
    ]  # fmt: skip
    return {
        "operationId": "listRetrainRequests", "summary": "The newest retrain requests",
        "description": "Needs the scope `retrain:read`.", "security": [{"token": []}], "parameters": parameters,
        "responses": {"200": _gives("Newest first.", Requests)} | _refusals("401", "403", "422", "503"),
    }  # fmt: skip


def _one() -> dict[str, Any]:
    return {
        "operationId": "getRetrainRequest", "summary": "A retrain request with its history",
        "description": "Needs the scope `retrain:read`.", "security": [{"token": []}], "parameters": [_key()],
        "responses": {"200": _gives("The request.", WithHistory)} | _refusals("401", "403", "404", "503"),
    }  # fmt: skip


def _callback() -> dict[str, Any]:
    headers = [
        {"name": name, "in": "header", "required": True, "description": what, "schema": {"type": "string"}}
        for name, what in (
            ("webhook-id", "Another one for each callback; one that was received before is refused."),
            ("webhook-timestamp", "Seconds since 1970, at most 5 minutes from now."),
        )
    ]
    refusals = _refusals("401", "409", "413", "422", "503") | {
        "401": _gives("The signature does not fit, or is too old.", Refusal),
        "409": _gives("The webhook-id was received before, or the request does not wait for the order.", Refusal),
    }
    return {
        "operationId": "reportRun", "summary": "A run says how it is going",
        "description": "Signed, without a token. States only go forward.",
        "security": [{"signature": []}], "parameters": [_key(), *headers],
        "requestBody": _takes(Callback), "responses": {"200": _gives("The request as it is now.", Request)} | refusals,
    }  # fmt: skip


def _key() -> dict[str, Any]:
    what = "The request's key, such as eta-1."
    return {"name": "key", "in": "path", "required": True, "description": what, "schema": {"type": "string"}}


def _takes(kind: type) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _reference(kind)}}}


def _gives(what: str, kind: type) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": _reference(kind)}}}


def _refusals(*statuses: str) -> dict[str, Any]:
    return {status: _gives(REFUSALS.get(status, "Refused."), Refusal) for status in statuses}


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
