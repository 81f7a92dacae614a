"""The OpenAPI document: complete, with an example of everything, and every example is what its schema says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from district import contract, examples
from district.body import parse
from district.refusal import STATUS
from tests.district.conftest import SQLITE_ONLY, District

Document = dict[str, Any]


@pytest.fixture
async def document(district: District) -> Document:
    return dict((await district.client.get("/v1/openapi.json")).json())


def answers(document: Document) -> Iterator[tuple[str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                yield f"{method} {path} {status}", response


@SQLITE_ONLY
async def test_every_schema_has_an_example_that_fits_it(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        (example,) = schema["examples"]
        whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.validate(whole, example)


@SQLITE_ONLY
async def test_every_answer_has_an_example_that_fits_it(document: Document) -> None:
    for where, response in answers(document):
        for content in response["content"].values():
            assert content["example"], where
            jsonschema_rs.validate(
                {**content["schema"], "components": document["components"]}, content["example"]
            )


@SQLITE_ONLY
async def test_every_reference_leads_somewhere(document: Document) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    found = set(references(document))
    assert found
    assert {name.rpartition("/")[2] for name in found} <= set(document["components"]["schemas"])


@SQLITE_ONLY
async def test_every_fault_of_a_batch_is_an_answer_of_its_route(document: Document) -> None:
    stated = set(document["paths"]["/v1/batches"]["post"]["responses"])
    assert {str(STATUS[fault]) for fault in contract.Fault} <= stated
    assert set(STATUS) == set(contract.Fault)


def test_the_example_of_a_batch_is_one() -> None:
    batch: contract.Batch = examples.VALUES["Batch"]
    array = b"[" + b",".join(change.model_dump_json().encode() for change in batch.changes) + b"]"
    assert hashlib.sha256(array).hexdigest() == batch.sha256
    head = batch.model_dump_json(exclude={"changes"}).encode()
    assert parse(head[:-1] + b',"changes":' + array + b"}").changes[0].key == batch.changes[0].key
