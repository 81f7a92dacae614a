from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from edge_config.site import LoadedSite
from runtime.clock import ClockSetting, SystemClock
from simulators.broker import EmbeddedBroker, write_users
from simulators.campus import Campus
from simulators.sensors import BrokerLogin, Speaker, sensors_of
from tests.ports import free_ports
from tests.simulators.processes import running

RATE = 2000


@pytest.fixture
def users(tmp_path: Path) -> Path:
    write_users(tmp_path / "users", {"gateway": "g", "sim": "s"})
    return tmp_path / "users"


@pytest.fixture
def clock(monday: int) -> SystemClock:
    return SystemClock(ClockSetting(RATE, monday + 30_000_000))


def login(port: int) -> BrokerLogin:
    return BrokerLogin("local", "127.0.0.1", port, "sim", "s")


def gateway_at(port: int) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, username="gateway", password="g", timeout=5)


@asynccontextmanager
async def speaking(campus: Campus, clock: SystemClock, port: int) -> AsyncIterator[Speaker]:
    speaker = Speaker(campus, clock, login(port))
    task = asyncio.create_task(speaker.run())
    try:
        yield speaker
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def heard(client: aiomqtt.Client, wanted: set[str]) -> dict[str, bytes]:
    """The newest payload by topic, once every wanted topic has spoken."""
    payloads: dict[str, bytes] = {}
    async with asyncio.timeout(60):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            payloads[message.topic.value] = message.payload
            if wanted <= set(payloads):
                break
    return payloads


def topics(campus: Campus) -> set[str]:
    found = set()
    for sensor in sensors_of(campus, "local"):
        found |= {sensor.topic + point.topic for point in sensor.profile.points.values()}
    return found


async def test_every_sensor_is_heard_and_says_goodbye(
    campus: Campus, clock: SystemClock, users: Path
) -> None:
    async with EmbeddedBroker("127.0.0.1", 0, users) as broker, gateway_at(broker.port) as gateway:
        await gateway.subscribe("#", qos=1)
        async with speaking(campus, clock, broker.port) as speaker:
            payloads = await heard(gateway, topics(campus) | {"tele/uv-a101/LWT"})
        assert payloads["tele/uv-a101/LWT"] == b"Online"
        assert speaker.sent >= len(topics(campus))
        async with asyncio.timeout(60):
            async for message in gateway.messages:
                if (message.topic.value, message.payload) == ("tele/uv-a101/LWT", b"Offline"):
                    break


async def test_a_broker_that_was_killed_and_comes_back_is_spoken_to_again(
    campus: Campus, clock: SystemClock, users: Path
) -> None:
    port = free_ports(10)
    arguments = ("--broker", "--port", str(port), "--users", str(users))
    with running(*arguments) as broker:
        async with speaking(campus, clock, port):
            await air_heard(port)
            broker.kill()
            broker.wait(60)
            with running(*arguments):
                await air_heard(port)


async def air_heard(port: int) -> None:
    """Until a sensor has been heard by a client of our own, which the broker may keep waiting while it starts."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with gateway_at(port) as gateway:
                    await gateway.subscribe("zigbee2mqtt/air-a101", qos=1)
                    await heard(gateway, {"zigbee2mqtt/air-a101"})
                    return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)


def test_sensors_spread_over_their_interval_and_keep_to_it(campus: Campus, monday: int) -> None:
    sensors = [s for s in sensors_of(campus, "local") if s.profile.profile == "zigbee2mqtt-air"]
    due = [sensor.due_after(campus, monday) for sensor in sensors]
    assert len(set(due)) == len(due)
    for sensor, first in zip(sensors, due, strict=True):
        assert monday < first <= monday + 60_000
        assert sensor.due_after(campus, first) == first + 60_000


def test_a_door_speaks_the_moment_it_moves(school: LoadedSite, campus: Campus, monday: int) -> None:
    door = next(s for s in sensors_of(campus, "local") if s.points[0].device.id == "door-fridge-1")
    day = campus.world.almanac.day_of(monday)[0]
    begin, end = campus.world.spells_of(school.devices["door-fridge-1"])[0].day(day)[0]
    assert door.due_after(campus, monday + begin - 1) == monday + begin
    assert door.due_after(campus, monday + begin) <= monday + end


def test_every_sensor_speaks_soon_after_a_start(campus: Campus, monday: int) -> None:
    """A door at rest says something once an hour; nobody should wait that long to see it."""
    stopped = StoppedClock(monday)
    speaker = Speaker(campus, stopped, login(1))
    stopped.now = monday + 20_000
    spoken = {message.topic for message in speaker._next_batch()}
    assert len(spoken) == speaker.sensor_count


class StoppedClock:
    """Wall time that moves only when the test says so."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")
