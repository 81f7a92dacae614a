"""The contract as a document: what FastAPI finds in the routes, the batch's own schemas, the signature, and an example of
every schema and every answer. The examples are real values, made by the types themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from district.contract import Batch, Enrolment
from district.examples import EXAMPLES, PROBLEMS
from district.keys import SCHEME

Document = dict[str, Any]
_REF = "#/components/schemas/{model}"
BATCH_REQUEST: Document = {
    "requestBody": {
        "required": True,
        "description": "JSON, compressed by gzip or zstd as Content-Encoding says. sha256 is over the exact bytes of the"
        " changes array.",
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Batch")}}},
    },
    "security": [{"gateway_key": []}],
}
ENROLMENT_REQUEST: Document = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Enrolment")}}},
    }
}
METRICS = (
    "# HELP district_changes_total Changes that had their effect\n# TYPE district_changes_total counter\n"
)
SIGNATURE = (
    f'`{SCHEME} key="site.gateway.keyid", sha256="S"`. D is the hex SHA-256 of the key, B that of the body as sent; S is the hex'
    ' HMAC-SHA256 of "POST /v1/batches\\n" + B under the ASCII bytes of D.'
)


def document(app: FastAPI) -> Document:
    """The whole OpenAPI document."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    batch = Batch.model_json_schema(ref_template=_REF)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(batch.pop("$defs"))
    schemas["Batch"] = batch
    schemas["Enrolment"] = Enrolment.model_json_schema()
    for leftover in (
        "HTTPValidationError",
        "ValidationError",
    ):  # FastAPI's own shape, which no answer here has
        schemas.pop(leftover, None)
    for name, schema in schemas.items():
        schema["examples"] = [EXAMPLES[name]] if name in EXAMPLES else schema.get("enum", [])[:1]
    found["components"]["securitySchemes"] = {
        "gateway_key": {"type": "http", "scheme": SCHEME, "description": SIGNATURE}
    }
    for operations in found["paths"].values():
        for operation in operations.values():
            _show_answers(operation["responses"])
    return found


def _show_answers(responses: Document) -> None:
    for status, response in responses.items():
        for content in response.get("content", {}).values():
            content["example"] = _example(content.get("schema", {}), status)


def _example(schema: Document, status: str) -> object:
    if "items" in schema:
        return [_example(schema["items"], status)]
    if schema.get("type") == "string":
        return METRICS
    name = schema["$ref"].rpartition("/")[2]
    return PROBLEMS[status] if name == "Problem" else EXAMPLES[name]
