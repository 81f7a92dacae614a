"""The site's MQTT sensors, speaking: each at its own moment of its interval, and at once when its state changes.

A sensor that cannot reach the broker loses what it had to say, as real ones do. One
connection speaks for all sensors of a broker, and is made again for ever, with a pause that grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiomqtt

from devices.profile import MqttProfile
from runtime import logs
from runtime.clock import Clock
from simulators.campus import Campus, SimPoint
from simulators.messages import Message, availability, messages
from simulators.noise import unit

PAUSE_MIN_S, PAUSE_MAX_S = 0.2, 5.0
FAREWELL_S = 0.5
"""Real seconds that saying "offline" may take when we stop."""
BATCH_MAX = 64
FIRST_WORD_MS = 20_000
"""Within this much time of the campus every sensor speaks once after a start, as sensors do that join anew."""
ANSWER_S = 3.0
"""Real seconds a broker has for its acknowledgement; a broken connection shows itself by this alone."""
log = logs.get("simulator")


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """Where and as whom the sensors of one broker connect."""

    broker_id: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Sensor:
    """One MQTT device; its moment within the interval is its own and the same in every run."""

    profile: MqttProfile
    topic: str
    points: list[SimPoint]
    interval_ms: int
    phase_ms: int

    def due_after(self, campus: Campus, ms: int) -> int:
        """When it next speaks after ``ms``: at the next moment of its interval, or when its state changes."""
        regular = (
            (ms - self.phase_ms) // self.interval_ms * self.interval_ms + self.interval_ms + self.phase_ms
        )
        changes = [spells.next_change_ms(ms) for spells in campus.world.spells_of(self.points[0].device)]
        return min([regular, *changes])


def sensors_of(campus: Campus, broker_id: str) -> list[Sensor]:
    """Every MQTT device of one broker."""
    found = []
    for device in campus.site.file.devices:
        profile = campus.site.profiles[device.profile]
        if device.broker == broker_id and isinstance(profile, MqttProfile) and device.topic is not None:
            interval = int(profile.interval_s * 1000)
            phase = int(unit(campus.world.seed, device.id, "phase") * interval)
            found.append(Sensor(profile, device.topic, campus.of(device.id), interval, phase))
    return found


@dataclass(slots=True)
class Speaker:
    """Publishes for all sensors of one broker until cancelled. ``sent`` and ``lost`` count messages."""

    campus: Campus
    clock: Clock
    login: BrokerLogin
    sent: int = 0
    lost: int = 0
    is_connected: bool = False
    _due: list[tuple[int, int]] = field(default_factory=list)
    _sensors: list[Sensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sensors = sensors_of(self.campus, self.login.broker_id)
        now = self.clock.now_ms()
        self._due = [
            (now + sensor.phase_ms % FIRST_WORD_MS, index) for index, sensor in enumerate(self._sensors)
        ]
        heapq.heapify(self._due)

    @property
    def sensor_count(self) -> int:
        return len(self._sensors)

    async def run(self) -> None:
        """Connect, speak, and start again when the connection is lost."""
        pause_s, told = PAUSE_MIN_S, False
        while self._sensors:
            try:
                async with self._client() as client:
                    client.pending_calls_threshold = 4 * BATCH_MAX
                    log.info("sensors connected", broker=self.login.broker_id, sensors=len(self._sensors))
                    pause_s, told = PAUSE_MIN_S, False
                    await self._speak(client)
            except aiomqtt.MqttError as error:
                level = log.debug if told else log.warning
                level("sensors cannot reach the broker", broker=self.login.broker_id, error=str(error))
                told = True
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    def _client(self) -> aiomqtt.Client:
        login = self.login
        name = f"simulator-{self.campus.site.file.site.id}-{login.broker_id}"
        return aiomqtt.Client(
            login.host,
            login.port,
            username=login.username,
            password=login.password,
            identifier=name,
            timeout=ANSWER_S,
        )

    async def _speak(self, client: aiomqtt.Client) -> None:
        self.is_connected = True
        try:
            await self._publish(client, self._announcements(is_online=True))
            while True:
                await self._wait()
                await self._publish(client, self._next_batch())
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._publish(client, self._announcements(is_online=False))
            raise
        finally:
            self.is_connected = False

    def _announcements(self, *, is_online: bool) -> list[Message]:
        told = (availability(sensor.profile, sensor.topic, is_online=is_online) for sensor in self._sensors)
        return [message for message in told if message is not None]

    async def _wait(self) -> None:
        ahead_ms = self._due[0][0] - self.clock.now_ms()
        await self.clock.sleep(max(0.0, ahead_ms / 1000))

    def _next_batch(self) -> list[Message]:
        """What is due now. A sensor whose moment has long passed speaks once, with the truth of now."""
        now = self.clock.now_ms()
        batch: list[Message] = []
        while self._due[0][0] <= now and len(batch) < BATCH_MAX:
            _, index = self._due[0]
            sensor = self._sensors[index]
            batch += messages(sensor.profile, sensor.topic, sensor.points, now, self.campus.site.zone)
            heapq.heapreplace(self._due, (sensor.due_after(self.campus, now), index))
        return batch

    async def _publish(self, client: aiomqtt.Client, batch: Iterable[Message]) -> None:
        sends = [client.publish(m.topic, m.payload, qos=1, retain=m.retain) for m in batch]
        results = await asyncio.gather(*sends, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        self.sent += len(results) - len(failed)
        self.lost += len(failed)
        if failed:
            raise failed[0]
