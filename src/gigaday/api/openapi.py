"""The OpenAPI 3.1 document, made from the operations' declarations."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gigaday.api.operation import OPERATOR, PUBLIC, Operation, Parameter
from gigaday.errors import Fault

_REF = "#/components/schemas/{name}"
_TITLES = {
    200: "Done", 201: "Made", 204: "Done, with no body", 206: "A part of it", 304: "Not modified since",
    400: "Malformed", 401: "A valid token is required", 403: "The token lacks a scope", 404: "There is no such thing",
    405: "The method is not allowed here", 408: "The body stopped coming", 409: "In conflict with the present state",
    410: "It is no more", 412: "The version has changed",
    413: "The body is too large",
    415: "The content type is not supported", 416: "The range lies outside", 422: "Does not validate",
    423: "Another request is at work on this", 428: "If-Match is required", 429: "Too many requests",
    460: "The checksum is another", 503: "Cannot answer now",
}  # fmt: skip
_HEADERS = {
    "RateLimit": {"schema": {"type": "string"}, "description": "What is left of the caller's limit."},
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "The limit that applies."},
    "X-Request-Id": {"schema": {"type": "string"}, "description": "Names the request in logs and problems."},
    "X-Degraded": {"schema": {"type": "string"}, "description": "What was done without: `stale` data, or `limits`."},
}
_RETRY_AFTER = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds after which to try again."},
}


class Problem(msgspec.Struct):
    """RFC 9457 problem details. `errors` lists every fault of a request that does not validate."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[Fault] = []


def document(operations: Iterable[Operation], version: str) -> bytes:
    """The document, as JSON."""
    operations = list(operations)
    kinds = {kind for operation in operations for kind in _kinds(operation)} | {Problem}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Gigaday", "version": version, "description": "Products and media of your tenant."},
            "servers": [{"url": "/"}],
            "paths": {path: {**item, **_parts_of(path)} for path, item in paths.items()},
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                },
            },
        }
    )


def _kinds(operation: Operation) -> Iterable[type]:
    for kind in (operation.body, operation.answer):
        if isinstance(kind, tuple):
            yield kind[1]
        elif kind is not None and kind is not bytes:
            yield kind


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _needs(operation),
        "tags": [operation.tag],
        "parameters": [_parameter(parameter) for parameter in _parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.scope != PUBLIC:
        made["security"] = [{"bearer": []}, {"apiKey": []}]
    if operation.body is not None:
        made["requestBody"] = _body(operation)
    return made


def _needs(operation: Operation) -> str:
    who = "the operator's token" if operation.scope == OPERATOR else f"a token with the scope `{operation.scope}`"
    return f"Needs {who}. Costs {operation.cost} of the limit."


def _parameters(operation: Operation) -> tuple[Parameter, ...]:
    if not operation.idempotent:
        return operation.parameters
    key = Parameter(
        "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "The same key and request again replays the first answer for 24 hours.", "header",
    )  # fmt: skip
    return (*operation.parameters, key)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "schema": parameter.schema,
        "required": parameter.required,
        **({"description": parameter.description} if parameter.description else {}),
    }


def _body(operation: Operation) -> dict[str, Any]:
    if operation.body is bytes:
        properties = {"file": {"type": "string", "format": "binary"}, "alt": {"type": "string", "maxLength": 1000}}
        file = {"type": "object", "required": ["file"], "properties": properties}
        raw: dict[str, Any] = {"type": "string", "format": "binary"}
        if operation.body_required:
            raw["minLength"] = 1
        content: dict[str, Any] = {
            kind: {"schema": file if kind == "multipart/form-data" else raw} for kind in operation.body_types
        }
    else:
        shape = {"schema": _schema(operation.body), "example": operation.example}
        content = dict.fromkeys(operation.body_types, shape)
    return {"required": operation.body_required, "content": content}


def _responses(operation: Operation) -> dict[str, Any]:
    statuses = {400, 401, 403, 429, 503, *operation.errors}
    if operation.body is not None:
        statuses |= {413, 415, 422}
    if operation.idempotent:
        statuses |= {409, 422}
    made: dict[str, Any] = {str(operation.success): _success(operation)}
    for status in sorted(statuses):
        made[str(status)] = _success(operation) if status == 206 else _problem(status)
    return made


def _success(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _TITLES[operation.success], "headers": _HEADERS}
    if operation.answer is not None:
        content = {"application/json": {"schema": _schema(operation.answer)}}
        made["content"] = content
    elif operation.success != 204:
        made["content"] = {kind: {"schema": {}} for kind in operation.answer_types}
    return made


def _problem(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": _TITLES[status]}
    return {
        "description": _TITLES[status],
        "headers": _HEADERS | _RETRY_AFTER if status in (423, 429, 503) else _HEADERS,
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}},
    }


def _schema(kind: Any) -> dict[str, Any]:
    if isinstance(kind, tuple):
        # `fields` may leave out any field but the id.
        one = {"anyOf": [_schema(kind[1]), {"type": "object", "required": ["_id"]}]}
        if kind[0] == "part":
            return one
        return {
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": {"type": "array", "items": one},
                "next": {"type": ["string", "null"]},
            },
        }
    return {"$ref": _REF.format(name=kind.__name__)}


def _parts_of(path: str) -> dict[str, Any]:
    """What the path names in braces."""
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    named = [{"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in parts]
    return {"parameters": named} if named else {}
