"""A broker: Home Assistant's discovery and states by the clock, ThingsBoard's telemetry by the change feed and by the clock.

What the broker may have forgotten (discovery, states, devices) is said again on each connection, and otherwise only when it is
another. ``Delivered`` here means that every PUBACK is there, which is no receipt of whom the data is for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from edge_config.uplinks import MqttUplink
from gateway.errors import QueryError
from gateway.model import Change, Point
from gateway.uplinks import homeassistant, thingsboard
from gateway.uplinks.feed import Latest
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.mqtt_said import Names, Said, wanted
from gateway.uplinks.probe import Probe, unwell
from gateway.uplinks.records import busy, standing
from gateway.uplinks.sender import Sender, Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble, Verdict
from gateway.uplinks.wire import WireFault
from runtime import logs

if TYPE_CHECKING:
    from gateway.uplinks.mqtt_wire import MqttWire


class MqttSender:
    """The broker behind its wire; ``present`` is the task that says what is newest."""

    def __init__(self, uplink: MqttUplink, speaker: Speaker, wire: MqttWire) -> None:
        self._uplink, self._speaker, self._wire = uplink, speaker, wire
        self._connection = 0
        self._kept: dict[str, bytes] = {}
        self._devices: set[str] = set()
        self._told: dict[str, int] = {}
        self._is_troubled = False
        self._log = logs.get("uplink").bind(uplink=uplink.id, to=uplink.destination)
        self.name = uplink.destination

    async def send(self, stretch: Stretch) -> Verdict:
        if not self._uplink.thingsboard:
            return Delivered(())
        try:
            changes = await standing(self._speaker.feed, stretch.changes)
            messages, devices, refused = thingsboard.telemetry(changes)
            if messages:
                async with self._wire.turn:
                    await self._connected()
                    await self._announce(devices)
                    await self._wire.publish(*messages)
        except WireFault as fault:
            return fault.keep()
        except QueryError as error:
            return busy(error)
        return Delivered(refused)

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """Topic and exact payload of what a record becomes; nothing is sent. Home Assistant gets nothing of the change feed."""
        if not self._uplink.thingsboard:
            return [("nothing: Home Assistant gets newest values only 仅发布实时值", b"")]
        messages, _, refused = thingsboard.telemetry([change])
        return [
            *((f"payload of {one.topic} 消息", one.payload) for one in messages),
            *(("refused 无法表示", reason.encode()) for _, reason in refused),
        ]

    async def probe(self) -> Probe:
        """A connection under a name of its own, so that the broker does not end the running gateway's; nothing is published."""
        from gateway.uplinks.mqtt_wire import MqttWire

        async with MqttWire(self._uplink, f"{self._wire.identifier}-test", None) as wire:
            try:
                await wire.connect()
            except WireFault as fault:
                return unwell(fault.trouble, str(fault), fault.cure)
        return Probe(
            True, "消息服务器接受本网关登录; the broker lets us in. Who listens there is not known (未确认)"
        )

    async def present(self) -> None:
        """What is newest until cancelled. Its trouble is told once; it goes on by itself."""
        while True:
            try:
                latest = await self._speaker.feed.latest()
                async with self._wire.turn:
                    await self._connected()
                    await self._say(latest)
                self._is_troubled = False
            except (WireFault, QueryError) as error:
                say = self._log.debug if self._is_troubled else self._log.warning
                say("the newest values were not published", error=str(error), cure=getattr(error, "cure", ""))
                self._is_troubled = True
            await self._speaker.clock.sleep(self._uplink.latest_interval_s)

    async def _connected(self) -> None:
        """On a new connection nothing counts as said."""
        connection = await self._wire.connect()
        if connection != self._connection:
            self._connection = connection
            self._kept, self._devices, self._told = {}, set(), {}
            if self._uplink.homeassistant:
                await self._wire.publish(status(self._uplink, self._speaker, homeassistant.ONLINE))

    async def _say(self, latest: Sequence[Latest]) -> None:
        points = wanted(self._speaker.points(), self._uplink.only)
        news = [one for one in latest if one.point in points]
        if self._uplink.homeassistant:
            await self._keep(self._of_homeassistant(points, news))
        if self._uplink.thingsboard:
            news = [one for one in news if self._told.get(one.point) != one.measured_at]
            await self._announce(sorted({points[one.point].device for one in news if one.is_present}))
            await self._wire.publish(*thingsboard.present(news))
            self._told |= {one.point: one.measured_at for one in news}

    def _of_homeassistant(self, points: dict[str, Point], news: Sequence[Latest]) -> list[Said]:
        names = self._names()
        found = [homeassistant.discovery(self._uplink, names, point) for point in points.values()]
        return [
            *found,
            *(one for latest in news for one in homeassistant.states(self._uplink, names, latest)),
        ]

    async def _keep(self, messages: Iterable[Said]) -> None:
        """Publish what the broker is to keep, where it keeps another."""
        for one in messages:
            if self._kept.get(one.topic) != one.payload:
                await self._wire.publish(one)
                self._kept[one.topic] = one.payload

    async def _announce(self, devices: Iterable[str]) -> None:
        for device in devices:
            if device not in self._devices:
                await self._wire.publish(thingsboard.connect(device))
                self._devices.add(device)

    def _names(self) -> Names:
        site = self._speaker.site
        devices = {name: device.name for name, device in site.devices.items() if device.name}
        return Names(site.file.site.id, devices, {name: space.name for name, space in site.spaces.items()})


ABSENT = "aiomqtt is not installed"
INSTALL = "install it: pip install 'campus-gateway[mqtt-uplink]', then start the gateway anew"


class AbsentSender:
    """In the place of a sender whose library is not installed: it keeps everything and says what to do."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, stretch: Stretch) -> Verdict:  # noqa: ARG002 - of the protocol
        return Keep(Trouble.REFUSED, ABSENT, INSTALL)

    async def probe(self) -> Probe:
        return unwell(Trouble.REFUSED, ABSENT, INSTALL)


def status(uplink: MqttUplink, speaker: Speaker, payload: bytes) -> Said:
    """Whether this gateway is there."""
    return Said(homeassistant.status_topic(uplink, speaker.identity.site), payload, is_retained=True)


@asynccontextmanager
async def mqtt_sender(uplink: MqttUplink, speaker: Speaker) -> AsyncIterator[Sender]:
    """The broker, with its connection for as long as the context lasts; it is made when there is something to say."""
    if find_spec("aiomqtt") is None:
        yield AbsentSender(uplink.destination)
        return
    from gateway.uplinks.mqtt_wire import MqttWire

    identity = speaker.identity
    will = status(uplink, speaker, homeassistant.OFFLINE) if uplink.homeassistant else None
    name = f"campus-gateway-{identity.site}-{identity.gateway}-{uplink.id}"
    async with MqttWire(uplink, name, will) as wire:
        yield MqttSender(uplink, speaker, wire)
