"""Health and metrics of a process without a web framework, on IPv4 and IPv6."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

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


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nowhere"])
def test_s26_no_version_is_told(base: str, path: str) -> None:
    try:
        reply = urllib.request.urlopen(base + path, timeout=60)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        assert reply.headers.get_all("server") == ["campus-gateway"]
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_s20_a_client_that_says_a_byte_now_and_then_does_not_hold_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.health.DEADLINE_S", 0.2)
    server = HealthServer("127.0.0.1", 0, CollectorRegistry(), Health)
    ended = threading.Event()

    def dribble(client: socket.socket) -> None:
        with suppress(OSError):
            while not ended.wait(0.02):
                client.sendall(b"G")

    with socket.create_connection(("127.0.0.1", server.port), 60) as client:
        thread = threading.Thread(target=dribble, args=(client,))
        thread.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=30) as reply:
                assert reply.status == 200
        finally:
            ended.set()
            thread.join()
    server.close()
