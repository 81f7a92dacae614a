"""One task per bus: poll its devices on aligned ticks, one request in flight, and hand over what they say.

Knows devices, blocks and health; does not know framing or sockets (``Exchange`` does) nor what is plausible.
Guarantees: a dead device costs its own slots and, once quarantined, rare probes only; a point that cannot be
decoded or is refused stops no other point; a tick that comes while the bus is busy is late, more of them are skipped,
never queued; a schedule that does not fit its bus is stretched for all devices alike, and said to be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from edge_config.schema import Bus, SerialBus
from edge_config.site import LoadedSite
from gateway.errors import NoAnswerError, NonsenseError, RefusedError, WireError, WrongDeviceError
from gateway.model import Readings
from gateway.sources import faults
from gateway.sources.bus_line import Tap
from gateway.sources.device_health import Health, ProbeGate
from gateway.sources.modbus import PymodbusWire
from gateway.sources.overload import Overload
from gateway.sources.owners import WRONG_IDENTITY
from gateway.sources.poll_groups import Work, slow_every, spread
from gateway.sources.polled import AnyDevice, Poll, Ready, poll_of
from gateway.sources.polled_device import polled_device
from gateway.sources.schedule import ALL_GROUPS, Groups, Schedule
from gateway.sources.seam import Exchange, Sink
from gateway.sources.serial_meter import is_serial_meter, serial_meter
from gateway.sources.serial_wire import LineWire
from runtime import logs
from runtime.clock import Clock

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
"""Exceptions by which devices refuse a block that covers what they do not have, or that is too long for them."""

METER_BUSES: Final = frozenset({"serial-meter", "serial-meter-over-tcp"})
ONLINE: Final = ("online", None)


def build_bus(site: LoadedSite, bus: Bus, tap: Tap | None = None) -> tuple[tuple[AnyDevice, ...], Exchange]:
    """The devices of one bus in the order of the site file, and its wire, which is not opened yet.

    A line with a DL/T 645 or CJ/T 188 meter on it is driven byte by byte, the Modbus devices beside it too.
    ``tap`` hears every byte. Raises ConfigError."""
    own = [device for device in site.file.devices if device.bus == bus.id]
    devices = tuple(
        serial_meter(site, device) if is_serial_meter(site, device) else polled_device(site, device)
        for device in own
    )
    if isinstance(bus, SerialBus):  # a relative path starts at the site file's folder, as all of them do
        bus = bus.model_copy(update={"port": str(site.folder / bus.port)})
    is_raw = bus.kind in METER_BUSES or any(is_serial_meter(site, device) for device in own)
    return devices, LineWire(bus, tap) if is_raw else PymodbusWire(bus, tap)


async def run_bus(bus: Bus, devices: Sequence[AnyDevice], wire: Exchange, sink: Sink, clock: Clock) -> None:
    """Poll until cancelled, then close the wire. The first poll is at once, the others on aligned ticks."""
    polls = [poll_of(device) for device in devices]
    line = _Line(bus.id, polls, wire, sink, clock)
    schedule = Schedule(spread([_work(bus, poll) for poll in polls]))
    overload = Overload()
    try:
        if not polls:
            await asyncio.Event().wait()
        while True:
            now_ms = clock.now_ms()
            due = schedule.due(now_ms)
            if not due:
                await clock.sleep(schedule.wait_ms(now_ms) / 1000)
                continue
            await line.poll_round(due)
            schedule.move_on(now_ms)
            if overload.judge(load := line.load()):
                schedule.stretch(overload.stretch, clock.now_ms())
                line.say_overload(load, overload.stretch)
    finally:
        await wire.close()


def _work(bus: Bus, poll: Poll) -> Work:
    """What a device should cost its bus, as ``check`` reckons it."""
    seconds = {False: 0.0, True: 0.0}
    for ready in poll.blocks:
        seconds[ready.is_slow] += ready.bus_s(bus) + poll.device.pause_s
    return Work(max(1, round(1000 * poll.device.interval_s)), seconds[False], seconds[True])


class _Line:
    """One bus at work."""

    def __init__(self, bus: str, polls: Sequence[Poll], wire: Exchange, sink: Sink, clock: Clock) -> None:
        self._polls, self._wire, self._sink, self._clock = polls, wire, sink, clock
        self._gate = ProbeGate()
        every_s = [poll.device.interval_s for poll in polls]
        self._shares = [(poll, s, s * slow_every(s)) for poll, s in zip(polls, every_s, strict=True)]
        self._overload = ""
        self._log = logs.get("sources.poll").bind(bus=bus)

    async def poll_round(self, due: Mapping[int, Groups]) -> None:
        """Every device that is due once; those in quarantine after the others, as far as their share of time goes."""
        quarantined = []
        for index, groups in due.items():
            poll = self._polls[index]
            if poll.health.state is Health.QUARANTINED:
                quarantined.append(poll)
            else:
                await self._poll(poll, groups)
        for poll in sorted(quarantined, key=lambda one: one.health.probe_at):
            await self._probe(poll)

    def load(self) -> float:
        """The share of the bus's time that its schedule takes, by what each device took when it last answered."""
        load = 0.0
        for poll, fast_s, slow_s in self._shares:
            if poll.health.state is not Health.QUARANTINED:
                took_s = poll.took_s
                load += took_s[False] / fast_s + took_s[True] / slow_s
        return load

    def say_overload(self, load: float, stretch: float) -> None:
        """One log line when polls are stretched, and one when they fit again; a word on each device that answers."""
        self._overload = faults.overloaded(load, stretch) if stretch > 1 else ""
        if self._overload:
            self._log.warning("bus overloaded, all polls stretched", why=self._overload)
        else:
            self._log.info("bus fits its schedule again")
        for poll in self._polls:
            if poll.reported == ONLINE:
                self._sink.device_state(poll.device.device, "online", self._overload)

    async def _probe(self, poll: Poll) -> None:
        started_s = self._clock.monotonic_s()
        if not (poll.health.is_due(started_s) and self._gate.is_open(started_s)):
            return
        await self._poll(poll, ALL_GROUPS)
        if poll.health.state is Health.QUARANTINED:
            now_s = self._clock.monotonic_s()
            self._gate.failed(now_s, now_s - started_s)
            return
        for other in self._polls:  # what silenced this one may have silenced the whole line
            other.health.probe_soon()

    async def _poll(self, poll: Poll, groups: Groups) -> None:
        heard: list[Readings] = []
        has_answered = False
        failure: WireError | None = None
        took_s = {False: 0.0, True: 0.0}
        from_s = self._clock.monotonic_s()
        for ready in poll.due(groups):
            try:
                reply = await self._wire.exchange(ready.request)
            except RefusedError as error:
                self._refused(poll, ready, error)
            except (NoAnswerError, NonsenseError) as error:
                failure = error
                poll.put_last(ready)
                break
            else:
                self._decode(ready, reply, heard)
            has_answered = True
            if poll.device.pause_s:
                await asyncio.sleep(poll.device.pause_s)
            now_s = self._clock.monotonic_s()
            took_s[ready.is_slow] += now_s - from_s
            from_s = now_s
        if heard:
            await self._sink.offer(heard)
        if failure is None and poll.trouble is not None:
            has_answered, failure = False, poll.trouble
        if failure is None:
            poll.took_s |= {is_slow: took_s[is_slow] for is_slow in groups}
        self._judge(poll, has_answered, failure)

    def _decode(self, ready: Ready, reply: bytes, heard: list[Readings]) -> None:
        points, values, bad = ready.values(reply)
        if points:
            now_ms = self._clock.now_ms()
            heard.append(Readings(points, now_ms, now_ms, values))
        for undecoded in bad:
            self._sink.reject(undecoded.point, undecoded.reason, undecoded.example)

    def _refused(self, poll: Poll, ready: Ready, error: RefusedError) -> None:
        """Learn the illegal hole where there is one to find, else say which points the device lacks."""
        if error.code in {ILLEGAL_ADDRESS, ILLEGAL_VALUE} and poll.cut(ready):
            self._log.info(
                "block refused, cut in two",
                device_id=poll.device.device,
                unit_id=poll.device.unit_id,
                request=ready.request.hex(" "),
            )
            return
        for name, *_ in ready.points:
            self._sink.reject(name, "refused", str(error))

    def _judge(self, poll: Poll, has_answered: bool, failure: WireError | None) -> None:
        if isinstance(failure, NonsenseError):
            self._sink.reject(poll.device.device, "nonsense", str(failure))
        elif isinstance(failure, WrongDeviceError):
            self._sink.reject(poll.device.device, WRONG_IDENTITY, str(failure))
        if has_answered:
            poll.health.answered()
        elif failure is not None:
            poll.health.silent(self._clock.monotonic_s())
        seen: tuple[str, type[WireError] | None] = ONLINE
        if failure is not None:
            state = "offline" if poll.health.state is Health.QUARANTINED else "suspect"
            seen = (state, type(failure))
        if seen != poll.reported:
            self._report(poll, seen[0], "" if failure is None else str(failure))
            poll.reported = seen

    def _report(self, poll: Poll, state: str, detail: str) -> None:
        """First failure WARNING, what follows DEBUG, recovery INFO."""
        device = poll.device
        self._sink.device_state(device.device, state, detail or self._overload)
        log = self._log.bind(device_id=device.device, unit_id=device.unit_id)
        if state == "online":
            (log.info if poll.reported else log.debug)("device answers")
        else:
            is_first = poll.reported is None or poll.reported[0] == "online"
            (log.warning if is_first else log.debug)("device fails", state=state, why=detail)
