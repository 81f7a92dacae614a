"""The service answers as its OpenAPI document says, to whatever the document allows and to what it does not: schemathesis on
a real district, signed and unsigned. The examples are the same each time."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from district.contract import Receipt
from tests.district import campus
from tests.district.test_district_serve import running

pytestmark = pytest.mark.real("schemathesis")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    ("/v1/batches", "POST"), ("/v1/enrolments", "POST"), ("/healthz", "GET"), ("/v1/sites", "GET"),
    ("/v1/sites/{site}/totals", "GET"), ("/v1/sites/{site}/intervals", "GET"), ("/metrics", "GET"),
]  # fmt: skip
tried = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass
class Subject:
    url: str
    key: str
    schema: Any


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    database = tmp_path_factory.mktemp("contract") / "district.db"
    key = campus.enrolled(database)
    with running(database) as (_, url):
        raw = campus.batch(campus.day_slots())
        httpx2.post(f"{url}/v1/batches", content=raw, headers=campus.signed(key, raw), trust_env=False)
        document = httpx2.get(f"{url}/v1/openapi.json", trust_env=False).json()
        yield Subject(url, key, schemathesis.openapi.from_dict(document))


def test_every_operation_is_tried(subject: Subject) -> None:
    assert {(one.ok().path, one.ok().method.upper()) for one in subject.schema.get_all_operations()} == set(
        OPERATIONS
    )


TRIED = [(path, method, GenerationMode.POSITIVE) for path, method in OPERATIONS] + [
    (path, method, GenerationMode.NEGATIVE) for path, method in OPERATIONS if method == "POST" or "{" in path
]
"""What takes nothing can be given nothing wrong."""


@pytest.mark.parametrize(("path", "method", "mode"), TRIED)
def test_unsigned_answers_are_as_documented(
    subject: Subject, path: str, method: str, mode: GenerationMode
) -> None:
    operation = subject.schema[path][method]

    @tried
    @given(data=st.data())
    def answers(data: st.DataObject) -> None:
        case: Case[Any] = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(base_url=subject.url, checks=CHECKS)

    answers()


def test_signed_batches_are_taken_or_refused_as_documented(subject: Subject) -> None:
    """What the document allows, put in order and given its digest: a receipt, or a refusal in its shape."""
    operation = subject.schema["/v1/batches"]["POST"]
    seen: set[int] = set()

    @tried
    @given(data=st.data())
    def answers(data: st.DataObject) -> None:
        case: Case[Any] = data.draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        body: Any = case.body
        raw = gzip.compress(in_order(body), mtime=0)
        reply = case.call(base_url=subject.url, data=raw, headers=campus.signed(subject.key, raw))
        case.validate_response(reply, checks=CHECKS)
        seen.add(reply.status_code)
        if reply.status_code == 200:
            assert Receipt.model_validate_json(reply.content).count == len(body["changes"])

    answers()
    assert 200 in seen
    assert seen <= {200, 409, 422, 429}


def in_order(body: dict[str, Any]) -> bytes:
    low = int(body["from_seq"])  # 0.0 is an integer to a JSON schema
    changes = [{**change, "seq": seq} for seq, change in enumerate(body["changes"], low + 1)]
    array = json.dumps(changes).encode()
    head = {
        **body, "site": "demo", "gateway": "gw-1", "epoch": "e-1", "from_seq": low, "to_seq": low + max(1, len(changes)),
        "sha256": hashlib.sha256(array).hexdigest(),
    }  # fmt: skip
    del head["changes"]
    return json.dumps(head).encode()[:-1] + b',"changes":' + array + b"}"
