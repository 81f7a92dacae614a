"""Health and metrics of a process without a web framework, on IPv4 and IPv6."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from runtime.health import Health, HealthServer


@pytest.fixture(params=["127.0.0.1", "::1"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def base(address: str, problems: list[str]) -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("campus_things", "Things", registry=registry).inc(3)
    server = HealthServer(address, 0, registry, lambda: Health(tuple(problems), {"epoch": "e1"}))
    yield f"http://[{address}]:{server.port}" if ":" in address else f"http://{address}:{server.port}"
    server.close()


def test_a_process_that_is_well_says_so_with_its_facts(base: str) -> None:
    with urllib.request.urlopen(base + "/healthz", timeout=60) as reply:
        assert json.load(reply) == {"status": "ok", "problems": [], "epoch": "e1"}


def test_a_process_that_is_not_well_fails_its_probe_and_says_why(base: str, problems: list[str]) -> None:
    problems.append("磁盘写不进去")
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(base + "/healthz", timeout=60)
    with refused.value as reply:
        assert json.load(reply)["problems"] == ["磁盘写不进去"]


def test_metrics_are_in_prometheus_form(base: str) -> None:
    with urllib.request.urlopen(base + "/metrics", timeout=60) as reply:
        assert "campus_things_total 3.0" in reply.read().decode()


def test_any_other_path_names_the_two_there_are(base: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(base + "/secrets", timeout=60)
    with refused.value as reply:
        assert b"/healthz" in reply.read()


def test_a_taken_port_is_an_error_of_the_caller(base: str, address: str) -> None:
    with pytest.raises(OSError, match="in use"):
        HealthServer(address, int(base.rpartition(":")[2]), CollectorRegistry(), Health)
