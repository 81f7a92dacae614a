"""One task per bus: poll its devices on aligned ticks, one request in flight, and hand over what they say.

Knows devices, blocks and health; does not know framing or sockets (``Exchange`` does) nor what is plausible.
Guarantees: a dead device costs its own slots and, once quarantined, rare probes only; a point that cannot be
decoded or is refused stops no other point; ticks that cannot be kept are skipped, never queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from edge_config.schema import Bus, SerialBus
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, NoAnswerError, NonsenseError, RefusedError, WireError
from gateway.model import Reading
from gateway.sources.device_health import Health, ProbeGate
from gateway.sources.modbus import PymodbusWire
from gateway.sources.polled_device import DevicePoll, PolledDevice, ReadyBlock, polled_device
from gateway.sources.seam import Exchange, Sink
from gateway.sources.ticks import Ticks
from runtime import logs
from runtime.clock import Clock

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
"""Exceptions by which devices refuse a block that covers what they do not have, or that is too long for them."""


def build_bus(site: LoadedSite, bus: Bus) -> tuple[tuple[PolledDevice, ...], Exchange]:
    """The devices of one bus in the order of the site file, and its wire, which is not opened yet.

    Raises ConfigError."""
    if bus.kind == "serial-meter":
        raise ConfigError(
            f"bus {bus.id}: kind serial-meter is not supported by this version; "
            "write modbus-rtu, modbus-tcp or modbus-rtu-over-tcp"
        )
    devices = tuple(polled_device(site, device) for device in site.file.devices if device.bus == bus.id)
    if isinstance(bus, SerialBus):  # a relative path starts at the site file's folder, as all of them do
        bus = bus.model_copy(update={"port": str(site.folder / bus.port)})
    return devices, PymodbusWire(bus)


async def run_bus(
    bus: Bus, devices: Sequence[PolledDevice], wire: Exchange, sink: Sink, clock: Clock
) -> None:
    """Poll until cancelled, then close the wire. The first poll is at once, the others on aligned ticks."""
    polls = [DevicePoll(device) for device in devices]
    line = _Line(bus.id, polls, wire, sink, clock)
    groups = _by_interval(polls)
    try:
        if not groups:
            await asyncio.Event().wait()
        while True:
            now_ms = clock.now_ms()
            wait_ms = min(ticks.wait_ms(now_ms) for ticks, _ in groups)
            if wait_ms > 0:
                await clock.sleep(wait_ms / 1000)
                continue
            for ticks, due in groups:
                if ticks.wait_ms(now_ms) <= 0:
                    await line.poll_round(due)
                    ticks.move_on(clock.now_ms())
    finally:
        await wire.close()


def _by_interval(polls: Iterable[DevicePoll]) -> list[tuple[Ticks, list[DevicePoll]]]:
    """Shortest interval first, each with its devices in the order given."""
    groups: dict[int, list[DevicePoll]] = {}
    for poll in polls:
        groups.setdefault(max(1, round(poll.device.interval_s * 1000)), []).append(poll)
    return [(Ticks(interval_ms), due) for interval_ms, due in sorted(groups.items())]


class _Line:
    """One bus at work."""

    def __init__(
        self, bus: str, polls: Sequence[DevicePoll], wire: Exchange, sink: Sink, clock: Clock
    ) -> None:
        self._polls, self._wire, self._sink, self._clock = polls, wire, sink, clock
        self._gate = ProbeGate()
        self._log = logs.get("sources.poll").bind(bus=bus)

    async def poll_round(self, polls: Iterable[DevicePoll]) -> None:
        """Every device once; those in quarantine after the others, as far as their share of time goes."""
        quarantined = []
        for poll in polls:
            if poll.health.state is Health.QUARANTINED:
                quarantined.append(poll)
            else:
                await self._poll(poll)
        for poll in sorted(quarantined, key=lambda one: one.health.probe_at):
            await self._probe(poll)

    async def _probe(self, poll: DevicePoll) -> None:
        started_s = self._clock.monotonic_s()
        if not (poll.health.is_due(started_s) and self._gate.is_open(started_s)):
            return
        await self._poll(poll)
        if poll.health.state is Health.QUARANTINED:
            now_s = self._clock.monotonic_s()
            self._gate.failed(now_s, now_s - started_s)
            return
        for other in self._polls:  # what silenced this one may have silenced the whole line
            other.health.probe_soon()

    async def _poll(self, poll: DevicePoll) -> None:
        readings: list[Reading] = []
        has_answered, failure = False, None
        for ready in tuple(poll.blocks):
            try:
                reply = await self._wire.exchange(ready.request)
            except RefusedError as error:
                self._refused(poll, ready, error)
            except (NoAnswerError, NonsenseError) as error:
                failure = error
                poll.put_last(ready)
                break
            else:
                self._decode(ready, reply, readings)
            has_answered = True
            if poll.device.pause_s:
                await asyncio.sleep(poll.device.pause_s)
        if readings:
            await self._sink.offer(readings)
        self._judge(poll, has_answered, failure)

    def _decode(self, ready: ReadyBlock, reply: bytes, readings: list[Reading]) -> None:
        now_ms = self._clock.now_ms()
        good, bad = ready.values(reply)
        readings.extend([Reading(name, now_ms, now_ms, value) for name, value in good])
        for undecoded in bad:
            self._sink.reject(undecoded.point, undecoded.reason, undecoded.example)

    def _refused(self, poll: DevicePoll, ready: ReadyBlock, error: RefusedError) -> None:
        """Learn the illegal hole where there is one to find, else say which points the device lacks."""
        if error.code in {ILLEGAL_ADDRESS, ILLEGAL_VALUE} and poll.cut(ready):
            self._log.info(
                "block refused, cut in two",
                device_id=poll.device.device,
                unit_id=poll.device.unit_id,
                address=ready.block.address,
                count=ready.block.count,
            )
            return
        for name, *_ in ready.points:
            self._sink.reject(name, "refused", str(error))

    def _judge(self, poll: DevicePoll, has_answered: bool, failure: WireError | None) -> None:
        if isinstance(failure, NonsenseError):
            self._sink.reject(poll.device.device, "nonsense", str(failure))
        if has_answered:
            poll.health.answered()
        elif failure is not None:
            poll.health.silent(self._clock.monotonic_s())
        state = "online"
        if failure is not None:
            state = "offline" if poll.health.state is Health.QUARANTINED else "suspect"
        seen = (state, None if failure is None else type(failure))
        if seen != poll.reported:
            self._report(poll, state, "" if failure is None else str(failure))
            poll.reported = seen

    def _report(self, poll: DevicePoll, state: str, detail: str) -> None:
        """First failure WARNING, what follows DEBUG, recovery INFO."""
        device = poll.device
        self._sink.device_state(device.device, state, detail)
        log = self._log.bind(device_id=device.device, unit_id=device.unit_id)
        if state == "online":
            (log.info if poll.reported else log.debug)("device answers")
        else:
            is_first = poll.reported is None or poll.reported[0] == "online"
            (log.warning if is_first else log.debug)("device fails", state=state, why=detail)
