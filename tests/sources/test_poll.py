"""Polling a bus in virtual time, above the seam."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import structlog

from devices import profile
from devices.profile import Limits, RegisterPoint
from devices.registers import decoder
from edge_config.schema import SiteFile, TcpBus
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, NoAnswerError, NonsenseError, RefusedError
from gateway.model import Readings
from gateway.sources.modbus import PymodbusWire
from gateway.sources.poll import build_bus, run_bus
from gateway.sources.poll_groups import slow_points
from gateway.sources.polled_device import PolledDevice
from gateway.sources.request_plan import plan
from gateway.sources.seam import Exchange
from runtime.clock import SystemClock
from tests.sources import slave as far_end
from tests.sources.fakes import T0, Answer, Clock, ScriptedWire, Sink
from tests.sources.slave import Slave

BUS = TcpBus(id="east", kind="modbus-tcp", host="192.0.2.1")
DEAD = NoAnswerError("无应答 / no answer")


def register(address: int, kind: str = "u16", **more: object) -> RegisterPoint:
    return RegisterPoint.model_validate({"quantity": "voltage", "address": address, "type": kind, **more})


def device(
    unit_id: int, points: dict[str, RegisterPoint] | None = None, interval_s: float = 10.0
) -> PolledDevice:
    points = points or {"u": register(0)}
    decoders = {name: decoder(point) for name, point in points.items()}
    blocks = plan(points, Limits())
    slow = slow_points(points, blocks)
    return PolledDevice(f"m{unit_id}", unit_id, interval_s, blocks, decoders, slow=slow)


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def healthy(_unit: int, address: int, count: int) -> Answer:
    return words(*range(address, address + count))


async def poll(
    answer: Callable[[int, int, int], Answer],
    devices: list[PolledDevice],
    *,
    sleeps: int,
    sink: Sink | None = None,
    clock: Clock | None = None,
    takes_s: float = 0.01,
) -> tuple[ScriptedWire, Sink]:
    """Run a bus until its clock has slept that often."""
    clock = clock or Clock()
    clock.sleeps_left = sleeps
    wire, sink = ScriptedWire(clock, answer, takes_s), sink or Sink()
    with contextlib.suppress(asyncio.CancelledError):
        await run_bus(BUS, devices, wire, sink, clock)
    return wire, sink


def gaps(wire: ScriptedWire, unit_id: int) -> list[float]:
    times = [at for at, unit, *_ in wire.asked if unit == unit_id]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


async def test_the_first_poll_is_at_once_and_the_others_on_aligned_ticks() -> None:
    _, sink = await poll(healthy, [device(1)], clock=Clock(ms=T0 + 3_000), sleeps=3, takes_s=0.0)
    assert [reading.measured_at - T0 for reading in sink.readings] == [3_000, 10_000, 20_000, 30_000]


async def test_a_reading_carries_the_time_its_reply_arrived() -> None:
    _, sink = await poll(healthy, [device(1)], sleeps=0, takes_s=0.25)
    (reading,) = sink.readings
    assert (reading.measured_at, reading.received_at) == (T0 + 250, T0 + 250)


async def test_all_readings_of_a_device_are_offered_together() -> None:
    points = {"a": register(0), "b": register(500), "c": register(900, "u32")}
    _, sink = await poll(healthy, [device(1, points)], sleeps=0)
    assert [len(offer) for offer in sink.offers] == [3]
    assert dict(sink.values()) == {"m1.a": 0.0, "m1.b": 500.0, "m1.c": 900 * 65536 + 901.0}


async def test_the_wire_is_closed_at_the_end() -> None:
    wire, _ = await poll(healthy, [device(1)], sleeps=0)
    assert wire.is_closed


async def test_a_bus_without_devices_waits_to_be_cancelled() -> None:
    task = asyncio.ensure_future(run_bus(BUS, [], ScriptedWire(Clock(), healthy), Sink(), Clock()))
    await asyncio.wait({task}, timeout=0.01)
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})


async def test_one_dead_device_of_eight_costs_the_others_a_time_out_per_probe() -> None:
    def answer(unit: int, address: int, count: int) -> Answer:
        return DEAD if unit == 3 else healthy(unit, address, count)

    wire, _ = await poll(answer, [device(unit) for unit in range(1, 9)], sleeps=360)
    for unit in (1, 2, 4, 5, 6, 7, 8):
        assert len(gaps(wire, unit)) == 360
        assert all(abs(gap - 10.0) <= wire.timeout_s + 0.1 for gap in gaps(wire, unit))
    probes = gaps(wire, 3)
    assert probes[:2] == pytest.approx([10.0, 10.0], abs=1.5)
    assert probes[-1] == pytest.approx(60.0, abs=1.5)
    late = [gap for unit in (4, 8) for gap in gaps(wire, unit)[6:] if abs(gap - 10.0) > 0.1]
    assert late == []  # once in quarantine, the dead one is asked after the others


async def test_many_dead_devices_leave_nine_tenths_of_the_bus_to_the_living() -> None:
    def answer(unit: int, address: int, count: int) -> Answer:
        return healthy(unit, address, count) if unit == 1 else DEAD

    wire, _ = await poll(answer, [device(unit) for unit in range(1, 31)], sleeps=600)
    settled = [ask for ask in wire.asked if ask[0] > 1000.0 + 600.0]
    lost_s = sum(wire.timeout_s for _, unit, *_ in settled if unit != 1)
    assert lost_s <= 0.11 * (settled[-1][0] - settled[0][0])
    assert {unit for _, unit, *_ in settled} == set(range(1, 31))  # each gets its turn


async def test_states_go_from_suspect_to_offline_and_back_with_a_reason() -> None:
    clock = Clock()

    def answer(unit: int, address: int, count: int) -> Answer:
        return DEAD if clock.mono_s < 1100 else healthy(unit, address, count)

    _, sink = await poll(answer, [device(1)], clock=clock, sleeps=20)
    assert sink.states == [
        ("m1", "suspect", str(DEAD)),
        ("m1", "offline", str(DEAD)),
        ("m1", "online", ""),
    ]


async def test_when_one_device_comes_back_the_others_are_asked_at_once() -> None:
    clock = Clock()

    def answer(unit: int, address: int, count: int) -> Answer:
        return DEAD if clock.mono_s < 1600 else healthy(unit, address, count)

    _, sink = await poll(answer, [device(unit) for unit in range(1, 11)], clock=clock, sleeps=200)
    back = [at for at, state in enumerate(sink.states) if state[1] == "online"]
    assert len(back) == 10
    firsts = {reading.point: reading.measured_at for reading in reversed(sink.readings)}
    assert max(firsts.values()) - min(firsts.values()) < 11_000


async def test_polling_that_cannot_keep_up_skips_ticks_and_queues_none() -> None:
    wire, _ = await poll(healthy, [device(1)], sleeps=10, takes_s=23.0)
    assert gaps(wire, 1)[:2] == [23.0, 23.0]  # until it is sure that this is no stall
    assert set(gaps(wire, 1)[3:]) == {29.0}


async def test_f15_after_a_stall_there_is_one_catch_up_poll() -> None:
    clock = Clock()
    stalls = iter([300.0])

    class Stalled(Clock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds + next(stalls, 0.0))

    clock = Stalled()
    wire, _ = await poll(healthy, [device(1)], clock=clock, sleeps=4, takes_s=0.0)
    assert gaps(wire, 1) == [pytest.approx(310.0), 10.0, 10.0, 10.0]


async def test_each_device_keeps_its_own_interval() -> None:
    wire, _ = await poll(healthy, [device(1, interval_s=60.0), device(2)], sleeps=24, takes_s=0.0)
    assert set(gaps(wire, 2)[1:]) == {10.0}
    assert set(gaps(wire, 1)[1:]) == {60.0}


async def test_a_slow_group_is_read_once_a_minute_and_all_of_it_at_first() -> None:
    points = {"power": register(0), "energy": register(500, group="slow")}
    wire, _ = await poll(healthy, [device(1, points)], sleeps=120, takes_s=0.0)
    asked = {address: [at for at, _, a, _ in wire.asked if a == address] for address in (0, 500)}
    assert asked[0][0] == asked[500][0]
    assert {later - earlier for earlier, later in itertools.pairwise(asked[0][1:])} == {10.0}
    assert {later - earlier for earlier, later in itertools.pairwise(asked[500][1:])} == {60.0}


async def test_slow_groups_are_spread_over_the_ticks() -> None:
    points = {"power": register(0), "energy": register(500, group="slow")}
    wire, _ = await poll(healthy, [device(unit, points) for unit in range(1, 13)], sleeps=60, takes_s=0.0)
    ticks = collections.Counter(at for at, _, address, _ in wire.asked if address == 500 and at > 1000.0)
    assert set(ticks.values()) == {2}  # twelve devices over six ticks


async def test_a_schedule_that_does_not_fit_loses_the_same_share_of_every_device() -> None:
    intervals = {1: 10.0, 2: 10.0, 3: 30.0, 4: 60.0}
    wire, sink = await poll(
        healthy, [device(unit, None, s) for unit, s in intervals.items()], sleeps=600, takes_s=6.0
    )
    settled = [(at, unit) for at, unit, *_ in wire.asked if at > 1300.0]
    span_s = settled[-1][0] - settled[0][0]
    kept = {
        unit: sum(one == unit for _, one in settled) / (span_s / seconds)
        for unit, seconds in intervals.items()
    }
    load = 6.0 * sum(1 / seconds for seconds in intervals.values())
    assert load == pytest.approx(1.5)
    assert all(share == pytest.approx(1 / 1.9, abs=0.02) for share in kept.values()), kept
    said = [state for state in sink.states if "bus overloaded" in state[2]]
    assert [(name, state) for name, state, _ in said] == [(f"m{unit}", "online") for unit in intervals]


async def test_a_bus_that_has_room_again_returns_to_its_schedule_and_says_so() -> None:
    clock, log = Clock(), structlog.testing.LogCapture()
    clock.sleeps_left = 200
    wire = ScriptedWire(clock, healthy, takes_s=12.0)

    class Recovering(Sink):
        async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
            wire.takes_s = 12.0 if clock.mono_s < 1500 else 0.1
            await super().offer(groups, accepted)

    sink = Recovering()
    with structlog.testing.capture_logs(processors=[log]), contextlib.suppress(asyncio.CancelledError):
        await run_bus(BUS, [device(1)], wire, sink, clock)
    assert [one["event"] for one in log.entries if one["log_level"] != "debug"] == [
        "bus overloaded, all polls stretched",
        "bus fits its schedule again",
    ]
    assert sink.states[-1] == ("m1", "online", "")
    assert set(gaps(wire, 1)[-20:]) == {10.0}


async def test_p21_one_of_32_dead_costs_the_other_31_one_time_out_a_probe_and_no_more() -> None:
    def answer(unit: int, address: int, count: int) -> Answer:
        return DEAD if unit == 7 and dies else healthy(unit, address, count)

    dies = False
    devices = [device(unit) for unit in range(1, 33)]
    before, _ = await poll(answer, devices, sleeps=360, takes_s=0.05)
    dies = True
    after, _ = await poll(answer, devices, sleeps=360, takes_s=0.05)
    for unit in (unit for unit in range(1, 33) if unit != 7):
        assert len(gaps(after, unit)) == len(gaps(before, unit)) == 360
        late = [abs(gap - 10.0) for gap in gaps(after, unit)[1:]]
        assert max(late) <= after.timeout_s + 1e-6
        assert max(late[6:]) < 0.1  # the dead one is asked after all others once it is in quarantine
    lost_s = after.timeout_s * sum(unit == 7 for _, unit, *_ in after.asked)
    assert lost_s <= 3 * after.timeout_s + 0.1 * 3600


async def test_p17_a_point_that_cannot_be_decoded_is_rejected_and_stops_no_other() -> None:
    points = {"bad": register(0, "f32"), "good": register(2)}
    _, sink = await poll(lambda *_: words(0x7FC0, 0, 230), [device(1, points)], sleeps=0)
    assert sink.values() == [("m1.good", 230.0)]
    assert sink.rejected == [("m1.bad", "not_a_number", "7fc0 0000")]


async def test_a_refused_block_is_cut_until_the_illegal_point_stands_alone() -> None:
    points = {f"p{at}": register(at) for at in range(8)}

    def answer(unit: int, address: int, count: int) -> Answer:
        if address <= 5 < address + count:
            return RefusedError("拒绝 / refused", 2)
        return healthy(unit, address, count)

    wire, sink = await poll(answer, [device(1, points)], sleeps=6)
    assert {point for point, _ in sink.values()} == {f"m1.p{at}" for at in range(8) if at != 5}
    assert {subject for subject, *_ in sink.rejected} == {"m1.p5"}
    assert sink.states == [("m1", "online", "")]
    last = [(address, count) for at, _, address, count in wire.asked if at > wire.asked[-1][0] - 5]
    assert (5, 1) in last
    assert len(last) <= 4


async def test_a_device_that_is_busy_is_asked_for_the_same_block_again() -> None:
    points = {"a": register(0), "b": register(1)}
    wire, _ = await poll(lambda *_: RefusedError("忙 / busy", 6), [device(1, points)], sleeps=3)
    assert {(address, count) for _, _, address, count in wire.asked} == {(0, 2)}


async def test_nonsense_is_counted_and_is_no_reading() -> None:
    nonsense = NonsenseError("无法识别 / no valid reply: 01 83")
    _, sink = await poll(lambda *_: nonsense, [device(1)], sleeps=0)
    assert sink.rejected == [("m1", "nonsense", str(nonsense))]
    assert sink.readings == []
    assert sink.states == [("m1", "suspect", str(nonsense))]


async def test_one_silent_block_does_not_hide_the_others_for_ever() -> None:
    points = {"bad": register(0), "good": register(500)}

    def answer(unit: int, address: int, count: int) -> Answer:
        return DEAD if address == 0 else healthy(unit, address, count)

    _, sink = await poll(answer, [device(1, points)], sleeps=10)
    assert len(sink.readings) == 10  # all but the first poll
    assert {state for _, state, _ in sink.states} == {"suspect"}


def site(tmp_path: Path, **device_keys: object) -> LoadedSite:
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "学校"},
            "gateway": {"id": "gw-1"},
            "buses": [
                {"id": "east", "kind": "modbus-tcp", "host": "192.0.2.1"},
                {"id": "old", "kind": "serial-meter", "port": "/dev/ttyUSB9"},
            ],
            "devices": [
                {"id": "main-e", "bus": "east", "unit_id": 5, "profile": "acrel-adl400", **device_keys}
            ],
        }
    )
    return LoadedSite(file, tmp_path, tmp_path / "s.yaml", {"acrel-adl400": profile.load("acrel-adl400")})


def test_a_bus_is_built_from_the_site_file(tmp_path: Path) -> None:
    loaded = site(tmp_path)
    (found,), wire = build_bus(loaded, loaded.file.buses[0])
    assert isinstance(found, PolledDevice)
    assert (found.device, found.unit_id, found.interval_s) == ("main-e", 5, 10.0)
    assert set(found.decoders) == set(loaded.profiles["acrel-adl400"].points)
    exchange: Exchange = wire
    assert isinstance(exchange, PymodbusWire)


def test_a_device_without_unit_id_is_a_config_error(tmp_path: Path) -> None:
    loaded = site(tmp_path, unit_id=None)
    with pytest.raises(ConfigError, match="main-e"):
        build_bus(loaded, loaded.file.buses[0])


async def test_a_meter_of_the_site_file_is_read_over_a_real_socket(tmp_path: Path) -> None:
    def answer(request: bytes) -> bytes:
        return request[:2] + bytes((2 * request[5],)) + bytes(2 * request[5])

    loaded, sink = site(tmp_path), Sink()
    async with far_end.tcp(Slave(answer)) as port:
        bus = TcpBus(id="east", kind="modbus-tcp", host="127.0.0.1", port=port)
        devices, wire = build_bus(loaded, bus)
        polling = asyncio.ensure_future(run_bus(bus, devices, wire, sink, SystemClock()))
        names = {f"main-e.{name}" for name in loaded.profiles["acrel-adl400"].points}
        await sink.until(lambda: {reading.point for reading in sink.readings} == names)
        polling.cancel()
        await asyncio.wait({polling})
    assert sink.states == [("main-e", "online", "")]
