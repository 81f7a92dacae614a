"""MQTT QoS 1: receive → decode → validate → commit → PUBACK as shipped, beside the raw paho callback, which acknowledges
and throws away.

Fifty sensors of six fields, 2,000 messages a second; broker and sensors are other processes. Ours speaks MQTT 5, as it does
with any broker that can; the raw client is measured with the same protocol, and with 3.1.1, which costs paho less. Needs
mosquitto.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import child
from bench.child import Meter
from bench.measure import RUNS
from bench.mqtt_bare import MESSAGES, WARM_UP, WINDOW
from bench.mqtt_publisher import DEVICES
from devices.profile import MqttProfile, parse
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.sources.mqtt import build_broker, run_broker
from runtime import memory
from runtime.clock import SystemClock

FIELDS = ("co2", "temperature", "humidity", "pm25", "tvoc", "battery")
GOAL = 2.0

PROFILE = """
profile: bench-air
maker: {en: bench}
models: [bench]
title: {en: bench}
source: bench
wire: mqtt
interval_s: 60
examples: [{name: one, payload: '{"co2": 500}', readings: {co2: 500}}]
points:
  co2: {quantity: co2, path: co2, step: 1, range: [0, 10000]}
  temperature: {quantity: temperature, path: temperature, step: 0.01, range: [-40, 85]}
  humidity: {quantity: humidity, path: humidity, step: 0.01, range: [0, 100]}
  pm25: {quantity: pm25, path: pm25, step: 1, range: [0, 1000]}
  tvoc: {quantity: tvoc, path: voc, step: 1, range: [0, 60000]}
  battery: {quantity: battery, path: battery, step: 1, range: [0, 100]}
"""


def site(folder: Path, port: int) -> LoadedSite:
    profile = parse(PROFILE)
    assert isinstance(profile, MqttProfile)
    devices = [
        {"id": f"air-{number}", "profile": "bench-air", "broker": "local", "topic": f"z/air-{number}"}
        for number in range(DEVICES)
    ]
    file = SiteFile.model_validate(
        {
            "site": {"id": "bench", "name": "bench"},
            "gateway": {"id": "gw-1"},
            "brokers": [{"id": "local", "host": "127.0.0.1", "port": port, "in_flight_max": WINDOW}],
            "devices": devices,
            "buffer": {"path": "buffer.db"},
        }
    )
    return LoadedSite(file, folder, folder / "site.yaml", {"bench-air": profile})


async def ours(port: int, messages: int) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        loaded = site(Path(folder), port)
        async with Door(loaded, build_points(loaded), clock) as door:
            memory.settle()  # as the collector does
            writer = asyncio.ensure_future(door.run())
            taking = asyncio.ensure_future(
                run_broker(build_broker(loaded, loaded.file.brokers[0]), door, clock)
            )
            print("ready", flush=True)
            await _until(door, WARM_UP * len(FIELDS))
            meter, before = Meter(), door.figures.accepted
            await _until(door, (WARM_UP + messages) * len(FIELDS))
            meter.report((door.figures.accepted - before) // len(FIELDS))
            taking.cancel()
            await asyncio.wait({taking})
            door.close()
            await writer


async def _until(door: Door, accepted: int) -> None:
    while door.figures.accepted < accepted:  # noqa: ASYNC110 - the door counts and tells nobody
        await asyncio.sleep(0.05)


@contextmanager
def broker() -> Iterator[int]:
    """mosquitto on a free port, with a window as wide as ours."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "mosquitto.conf"
        conf.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages {WINDOW}\n"
            "max_queued_messages 0\nlog_dest none\n",
            encoding="ascii",
        )
        process = subprocess.Popen([program, "-c", str(conf)])
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("mosquitto does not listen")


def table(messages: int = MESSAGES, runs: int = RUNS) -> str:
    """Both and their ratio, or a line that says what is missing."""
    title = f"MQTT QoS 1, {DEVICES} sensors × {len(FIELDS)} fields, receive to COMMIT and PUBACK, beside the raw paho callback"
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        return f"{title}: left out, mosquitto is not installed"
    with broker() as port:
        sensors = ("bench.mqtt_publisher", str(port), str(WARM_UP + messages))
        own, other, older = (
            child.median(*who, str(port), str(messages), runs=runs, beside=sensors) for who in WORKS
        )
    against_older = (
        f"  {'against MQTT 3.1.1':24}{own.cpu_us:10.2f}{older.cpu_us:10.2f}{own.cpu_us / older.cpu_us:8.2f}"
    )
    return child.table(title, "CPU µs a message", own, other, GOAL) + "\n" + against_older


WORKS = (("bench.mqtt_ingest",), ("bench.mqtt_bare", "5"), ("bench.mqtt_bare", "3.1.1"))

if __name__ == "__main__":
    asyncio.run(ours(int(sys.argv[1]), int(sys.argv[2])))
