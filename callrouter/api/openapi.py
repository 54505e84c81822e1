"""The OpenAPI 3.1 document, made of the operations as they are declared."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from callrouter.api.layer import Operation
from callrouter.api.problems import MEDIA_TYPE, ProblemDocument
from callrouter.domain.setup import WebhookEvent

Json = dict[str, Any]
"""A JSON object; here the document itself, which has no other shape."""

PREFIX = "/api/v1"
_REF = "#/components/schemas/{model}"
_PROBLEM: Json = {"$ref": "#/components/responses/Problem"}


def describe(operations: Sequence[Operation]) -> Json:
    """The document of these operations."""
    schemas = _Schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callrouter",
            "version": version("callrouter"),
            "summary": "Calls, contacts, cards and managers, and why each call went where it went.",
            "description": "Numbers are E.164, moments RFC 3339 in UTC with milliseconds. "
            "Errors are problem documents (RFC 9457). Lists give `next`, the `cursor` of the "
            "page that follows, or null.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(one) for one in operations)],
        "paths": paths,
        "webhooks": {event: _webhook(event) for event in get_args(WebhookEvent)},
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`callrouter token add NAME --role admin` prints one, once.",
                }
            },
            "responses": {
                "Problem": {
                    "description": "What was wrong, or is.",
                    "content": {MEDIA_TYPE: {"schema": schemas.problem}},
                }
            },
            "schemas": schemas.components,
        },
    }


class _Schemas:
    """What pydantic says of every shape; the models of paths and queries are taken apart."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        inputs: list[tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
            ("problem", "serialization", TypeAdapter(ProblemDocument))
        ]
        for one in operations:
            inputs.append((f"{one.name} gives", "serialization", one.gives.adapter))
            inputs += [
                (f"{one.name} {part}", "validation", take.adapter)
                for part, take in one.takes.items()
            ]
        found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._found = {key: schema for (key, _mode), schema in found.items()}
        self.components: Json = definitions.get("$defs", {})
        self.problem = self._found["problem"]
        taken = {
            self._found[f"{one.name} {part}"]["$ref"].rpartition("/")[2]
            for one in operations
            for part in one.takes
            if part != "body"
        }
        self._models = {name: self.components.pop(name) for name in taken}

    def gives(self, operation: Operation) -> Json:
        return self._found[f"{operation.name} gives"]

    def body(self, operation: Operation) -> Json:
        return self._found[f"{operation.name} body"]

    def parameters(self, operation: Operation, part: Literal["path", "query"]) -> list[Json]:
        if part not in operation.takes:
            return []
        name = self._found[f"{operation.name} {part}"]["$ref"].rpartition("/")[2]
        model = self._models[name]
        return [
            {
                "name": key,
                "in": part,
                "required": key in model.get("required", ()),
                **_described(_never_null(schema)),
            }
            for key, schema in model["properties"].items()
        ]


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    summary, _, rest = (inspect.getdoc(operation.function) or "").partition("\n\n")
    roles = f"Right: `{operation.right}` ({', '.join(sorted(operation.roles))})."
    told: Json = {
        "operationId": operation.name,
        "tags": [_tag(operation)],
        "summary": " ".join(summary.split()),
        "description": f"{rest}\n\n{roles}".strip(),
        "parameters": [
            *schemas.parameters(operation, "path"),
            *schemas.parameters(operation, "query"),
        ],
        "responses": {
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": {
                        media: {"schema": schemas.gives(operation)} for media in operation.media
                    },
                }
                for status in (operation.status, *operation.others)
            },
            **{str(status): _PROBLEM for status in _refusals(operation)},
            "default": _PROBLEM,
        },
    }
    if "body" in operation.takes:
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.body(operation)}},
        }
    if operation.upload:
        binary = {"type": "string", "format": "binary"}
        told["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": binary}},
        }
    return told


def _webhook(event: str) -> Json:
    """What a `[[webhook]]` of the setup gets; what its `data` holds stands in the README."""
    schema: Json = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": event},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "description": "Ids, numbers and codes; nobody's name."},
        },
    }
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    text = {"type": "string"}
    return {
        "post": {
            "summary": f"`{event}` happened",
            "description": "Signed as Standard Webhooks 1.0 has it; sent at least once.",
            "security": [],
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": text} for name in names
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {
                "2XX": {"description": "Taken."},
                "default": {"description": "Sent again, later and later, for about 14 hours."},
            },
        }
    }


def _refusals(operation: Operation) -> list[int]:
    """The statuses that a program should expect of this operation."""
    statuses = {401, 403, 503}
    if "path" in operation.takes:
        statuses.add(404)
    if "query" in operation.takes:
        statuses.add(422)
    if "body" in operation.takes:
        statuses |= {400, 404, 413, 415, 422}
    if operation.upload:
        statuses |= {413, 415, 422}
    return sorted(statuses)


def _tag(operation: Operation) -> str:
    found = re.match(r"/([\w-]+)", operation.path)
    return found[1] if found else ""


def _never_null(schema: Json) -> Json:
    """A parameter is there or not; it is never null."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    if schema.get("default", ...) is None:
        del schema["default"]
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **schema}
    return {**schema, "anyOf": kinds} if kinds else schema


def _described(schema: Json) -> Json:
    """The description belongs to the parameter rather than to its schema."""
    description = schema.pop("description", None)
    return {**({"description": description} if description else {}), "schema": schema}
