"""Ingest from one broker: stay connected, subscribe, and let an ``Intake`` hand over what comes.

Knows protocols, back-off and what to tell people; does not know payloads or paho. Guarantees: a durable session
under a fixed client id, a new client object per connection, and one log line per trouble with its cure.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from paho.mqtt.enums import MQTTProtocolVersion

from devices import profile as device_profile
from devices.profile import MqttProfile
from edge_config.schema import Broker, Device
from edge_config.site import LoadedSite
from gateway.candidate import Candidate
from gateway.errors import ConfigError, NoAnswerError, RefusedError
from gateway.points import expected_interval_s
from gateway.sources import broker_faults as faults
from gateway.sources.candidates import Candidates, Place, covers
from gateway.sources.intake import Ingest, Intake, report
from gateway.sources.mapping import MqttDevice, TopicMap
from gateway.sources.mqtt_connection import V5, V311, BrokerAccess, Connection, NoConnackError
from gateway.sources.presence import DeviceState, Presence
from gateway.sources.seam import Delivery, Sink
from runtime import logs
from runtime.clock import Clock

Keep = Callable[[list[Candidate]], Awaitable[None]]

RETRY_S_FIRST, RETRY_S_MAX = 0.5, 30.0

STEADY_S: Final = 10.0
"""A connection that lasted this long starts the next back-off from the beginning."""

PRESENCE_S: Final = 10.0
KEEP_S: Final = 5.0
"""How often candidates are handed over to be kept."""
LAST_PUBACKS_S: Final = 1.5
"""How long a stop waits for what the door is about to accept; the rest comes again after the next start."""


@dataclass(frozen=True, slots=True)
class BrokerSource:
    """A broker of the site file: how to reach it, its devices in the order of the file, and where it looks for others.
    A device put into ``arrivals`` is taken up while the broker runs."""

    access: BrokerAccess
    devices: tuple[MqttDevice, ...]
    candidates: Candidates | None = None
    arrivals: asyncio.Queue[MqttDevice] = field(default_factory=asyncio.Queue)
    tap: Callable[[Delivery], None] | None = None
    """Told of every message as it comes, for a recording."""


def build_broker(site: LoadedSite, broker: Broker) -> BrokerSource:
    """Raises ConfigError for a password file that cannot be read, or a device that cannot be behind a broker."""
    password = _password(site.folder, broker)
    access = BrokerAccess(_with_paths(site, broker), f"campus-gateway-{site.file.gateway.id}", password)
    devices = tuple(mqtt_device(site, device) for device in site.file.devices if device.broker == broker.id)
    return BrokerSource(access, devices, _candidates(broker, site, devices))


async def run_broker(
    source: BrokerSource, sink: Sink, clock: Clock, *, keep: Keep | None = None,
    jitter: Callable[[], float] = random.random,
) -> None:  # fmt: skip
    """Ingest until cancelled. ``keep`` stores candidates; ``jitter`` gives numbers from 0 to 1; back-off runs in real
    seconds."""
    access, devices, candidates = source.access, source.devices, source.candidates
    presence = Presence(devices, clock.monotonic_s())
    ingest = Ingest(access.broker.id, TopicMap(devices), presence, sink, clock, candidates, source.tap)
    link = _Link(access, ingest, jitter)
    async with asyncio.TaskGroup() as group:
        group.create_task(link.watch_silence())
        group.create_task(link.stay_connected())
        group.create_task(link.take_up(source.arrivals))
        if candidates is not None and keep is not None:
            group.create_task(_keep(candidates, keep, clock))


async def _keep(candidates: Candidates, keep: Keep, clock: Clock) -> None:
    while True:
        await clock.sleep(KEEP_S)
        found = candidates.take()
        if found:
            await keep(found)


class _Link:
    """The broker as we know it across connections."""

    def __init__(self, access: BrokerAccess, ingest: Ingest, jitter: Callable[[], float]) -> None:
        self._access, self._ingest, self._jitter = access, ingest, jitter
        self._broker = access.broker
        self._log = logs.get("sources.mqtt").bind(broker=access.broker.id)
        self._is_old = False
        """Whether an ``auto`` broker was last found to speak MQTT 3.1.1 only."""
        self._trouble = ""
        self._retry_s = RETRY_S_FIRST
        self._connection: Connection | None = None
        """The connection that is subscribed; None while there is none."""
        self._covered: tuple[str, ...] = ()
        """The patterns the broker lets us read: topics inside need no subscription of their own."""

    async def stay_connected(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            started = now()
            try:
                trouble = await self._connect_and_serve()
            except (NoAnswerError, RefusedError) as error:
                trouble = str(error)
            if now() - started > STEADY_S:
                self._retry_s = RETRY_S_FIRST
            self._note(trouble)
            self._ingest.presence.forget_said()
            await asyncio.sleep(self._retry_s * (0.5 + self._jitter()))
            self._retry_s = min(RETRY_S_MAX, 2 * self._retry_s)

    async def take_up(self, arrivals: asyncio.Queue[MqttDevice]) -> None:
        """Devices that join while we run. Without a connection the next one subscribes to all."""
        while True:
            device = await arrivals.get()
            ingest = self._ingest
            topics = ingest.topics.add(device)
            ingest.presence.add(device, ingest.clock.monotonic_s())
            if ingest.candidates is not None:
                ingest.candidates.know(device.topic)
            try:
                if self._connection is not None:
                    self._say(await self._connection.subscribe(self._uncovered(topics)))
            except NoAnswerError as error:
                self._log.debug("the next connection subscribes", device_id=device.device, why=str(error))
            self._log.info("device taken up", device_id=device.device, topic=device.topic)

    async def watch_silence(self) -> None:
        ingest = self._ingest
        while True:
            await ingest.clock.sleep(PRESENCE_S)
            for change in ingest.presence.gone_silent(ingest.clock.monotonic_s(), self._trouble):
                report(ingest.sink, change)

    async def _connect_and_serve(self) -> str:
        """Why the connection ended. Raises NoAnswerError or RefusedError when there was none."""
        intake = Intake(self._ingest, self._broker.in_flight_max)
        connection = await self._open(intake)
        taking = asyncio.ensure_future(intake.run())
        try:
            await self._subscribe(connection)
            self._connection = connection
            ends: set[asyncio.Future[Any]] = {taking, connection.closed}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
            return faults.lost(self._broker, connection.closed.result())
        except asyncio.CancelledError:
            connection.pause()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(intake.settled(), LAST_PUBACKS_S)
            raise
        finally:
            self._connection = None
            taking.cancel()
            connection.close()
            await asyncio.wait({taking})

    async def _open(self, intake: Intake) -> Connection:
        """Connected with the newest protocol that the site file allows and the broker speaks."""
        setting = self._broker.protocol
        if setting == "auto" and not self._is_old:
            try:
                return await self._opened(V5, intake)
            except RefusedError as error:
                if error.code != faults.UNSUPPORTED_PROTOCOL:
                    raise
            except NoConnackError:
                self._log.debug("no word to MQTT 5, trying 3.1.1")
        self._is_old = False  # whatever fails below, MQTT 5 has its turn again
        connection = await self._opened(V5 if setting == "5" else V311, intake)
        self._is_old = setting == "auto"
        return connection

    async def _opened(self, protocol: MQTTProtocolVersion, intake: Intake) -> Connection:
        connection = Connection(self._access, protocol, intake.put)
        await connection.open()
        intake.attach(connection)
        return connection

    async def _subscribe(self, connection: Connection) -> None:
        candidates = self._ingest.candidates
        patterns = candidates.patterns if candidates is not None else ()
        unread = await connection.subscribe(patterns)
        self._covered = tuple(pattern for pattern in patterns if pattern not in unread)
        topics = self._uncovered(self._ingest.topics.topics)
        refused = await connection.subscribe(topics)
        if not (refused or unread):
            self._trouble = ""
            self._log.info("subscribed", topics=len(topics) + len(self._covered))
            return
        self._say([*unread, *refused])

    def _uncovered(self, topics: Sequence[str]) -> list[str]:
        """Topics no pattern brings: a broker may send twice what two subscriptions ask for."""
        return [topic for topic in topics if not any(covers(one, topic) for one in self._covered)]

    def _say(self, refused: list[str]) -> None:
        """Topics the broker does not let us read, and the devices that are offline for it."""
        if not refused:
            return
        self._note(faults.subscription_refused(self._broker, refused))
        silent = {device for topic in refused for device in self._ingest.topics.devices_of(topic)}
        for device in sorted(silent):
            report(self._ingest.sink, DeviceState(device, "offline", self._trouble))

    def _note(self, trouble: str) -> None:
        """The first time of a trouble WARNING, its repeats DEBUG."""
        (self._log.debug if trouble == self._trouble else self._log.warning)("broker trouble", why=trouble)
        self._trouble = trouble


def _password(folder: Path, broker: Broker) -> str | None:
    if broker.password_file is None:
        return None
    path = folder / broker.password_file
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"broker {broker.id}: password_file {path} cannot be read ({error}); "
            "write the password into it and let the gateway's user read it"
        ) from error


def _with_paths(site: LoadedSite, broker: Broker) -> Broker:
    """Relative paths in a site file start at its folder."""
    named = {key: getattr(broker, key) for key in ("ca_file", "cert_file", "key_file")}
    return broker.model_copy(update={key: str(site.folder / path) for key, path in named.items() if path})


def _candidates(broker: Broker, site: LoadedSite, devices: Sequence[MqttDevice]) -> Candidates | None:
    """Where the broker looks for strangers; None where the site file names no place to look."""
    mappings = [one for one in site.file.mappings if one.broker == broker.id]
    if not (mappings or broker.discover):
        return None
    profiles = [
        one for name in device_profile.names() if isinstance(one := device_profile.load(name), MqttProfile)
    ]
    by_name = {one.profile: one for one in profiles}
    places = [Place(one.topic, by_name[one.profile]) for one in mappings if one.profile in by_name]
    return Candidates(broker, places, [device.topic for device in devices], profiles)


def mqtt_device(site: LoadedSite, device: Device) -> MqttDevice:
    """Raises ConfigError for a device that cannot be behind a broker."""
    profile = site.profiles[device.profile]
    if not isinstance(profile, MqttProfile) or device.topic is None:
        raise ConfigError(f"device {device.id}: a device behind a broker needs an MQTT profile and a topic")
    return MqttDevice(
        device=device.id,
        topic=device.topic,
        profile=profile,
        interval_s=expected_interval_s(device, profile),
        takes_device_time=device.time == "device",
        zone=site.zone,
        identity=device.identity,
    )
