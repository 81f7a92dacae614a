"""A SunSpec device on a bus: found, kept, and found again."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from devices import profile
from devices.profile import ModbusProfile
from devices.registers import decoder
from edge_config.schema import TcpBus
from gateway.errors import NoAnswerError, RefusedError, WireError
from gateway.sources.poll import run_bus
from gateway.sources.polled_device import PolledDevice
from gateway.sources.request_plan import plan
from simulators.registers import layout
from simulators.sunspec_map import Chain, chain_words, moved
from tests.sources.fakes import Answer, Clock, ScriptedWire, Sink

BUS = TcpBus(id="roof", kind="modbus-tcp", host="192.0.2.1")
ELSEWHERE = Chain(base=50000, common=66, between=((120, 26), (121, 30)))
SILENCE = NoAnswerError("无应答 / no answer")
HEAD = 2
"""Registers of a marker or of a block's head."""


def inverter() -> ModbusProfile:
    one = profile.load("sunspec-inverter")
    assert isinstance(one, ModbusProfile)
    return one


def device() -> PolledDevice:
    one = inverter()
    decoders = {name: decoder(point) for name, point in one.points.items()}
    return PolledDevice("pv", 1, 10, plan(one.points, one.limits), decoders, sunspec=one.sunspec)


@dataclass
class Inverter:
    """Registers behind the seam: 12.34 kW and 45678.9 kWh in the block at ``chain.address``."""

    chain: Chain = field(default_factory=Chain)
    words: dict[int, int] = field(default_factory=dict)
    is_dead: bool = False
    refuses: WireError = field(default_factory=lambda: RefusedError("illegal address", 2))
    """What it does when asked for registers that it does not have."""

    def __post_init__(self) -> None:
        self.move(self.chain)

    def move(self, chain: Chain, model: int = 103) -> None:
        one, self.chain = inverter(), chain
        assert one.sunspec is not None
        self.words = {at: word for (_, at), word in chain_words(one, one.sunspec, chain).items()}
        length = self.words[chain.address + 1]
        self.words = dict.fromkeys(range(chain.address, chain.address + length), 0) | self.words
        by, raws = chain.address - one.sunspec.address, {"power": 12340, "energy_yield": 45678900}
        for name, raw in raws.items():
            for first, row in layout(moved(one.points[name], by), raw):
                self.words |= dict(enumerate(row, first))
        self.words[chain.address] = model

    def answer(self, _unit: int, address: int, count: int) -> Answer:
        if self.is_dead:
            return SILENCE
        if not {*range(address, address + count)} <= self.words.keys():
            return self.refuses
        return struct.pack(f">{count}H", *(self.words[at] for at in range(address, address + count)))


async def polls(
    far: Inverter, count: int, *, before: Callable[[int], None] = lambda _: None
) -> tuple[ScriptedWire, Sink]:
    """So many polls of ten seconds; ``before`` is called ahead of each with its number from 0."""

    class Paced(Clock):
        async def sleep(self, seconds: float) -> None:
            before(count - self.sleeps_left + 1)
            await super().sleep(seconds)

    clock = Paced(sleeps_left=count)
    wire, sink = ScriptedWire(clock, far.answer), Sink()
    before(0)
    with pytest.raises(asyncio.CancelledError):
        await run_bus(BUS, [device()], wire, sink, clock)
    return wire, sink


def heads(wire: ScriptedWire) -> list[int]:
    return [address for _, _, address, count in wire.asked if count == HEAD]


RIGHT = [("pv.power", 12.34), ("pv.energy_yield", 45678.9)]


async def test_the_block_is_looked_for_once_and_then_read_where_it_is() -> None:
    far = Inverter(ELSEWHERE)
    wire, sink = await polls(far, 5)
    assert sink.values() == RIGHT * 6
    assert heads(wire) == [40000, 0, 50000, 50002, 50070, 50098, far.chain.address]
    assert sink.states == [("pv", "online", "")]


async def test_the_first_poll_already_gives_readings() -> None:
    _, sink = await polls(Inverter(ELSEWHERE), 0)
    assert sink.values() == RIGHT


async def test_a_device_that_is_silent_where_others_refuse_is_found_at_a_later_poll() -> None:
    wire, sink = await polls(Inverter(ELSEWHERE, refuses=SILENCE), 4)
    assert sink.values() == RIGHT * 3
    assert heads(wire)[:4] == [40000, 0, 50000, 50002]
    assert [state for _, state, _ in sink.states] == ["suspect", "online"]


async def test_a_block_that_moved_is_found_again_and_nothing_is_read_from_what_stands_there_now() -> None:
    far = Inverter()

    def update(number: int) -> None:
        if number == 2:
            far.move(ELSEWHERE)
            far.words |= dict.fromkeys(range(40000, 40200), 7)

    _, sink = await polls(far, 4, before=update)
    assert sink.values() == RIGHT * 4
    assert {reason for _, reason, _ in sink.rejected} == {"gated"}


async def test_a_device_that_was_silent_is_asked_for_its_marker_first() -> None:
    far = Inverter()

    def plug(number: int) -> None:
        far.is_dead = 1 <= number <= 6
        if number == 7:
            far.move(ELSEWHERE)

    wire, sink = await polls(far, 40, before=plug)
    assert sink.values() == RIGHT * (len(sink.readings) // 2)
    assert [state for _, state, _ in sink.states] == ["online", "suspect", "offline", "online"]
    assert heads(wire).count(far.chain.address) == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(
            lambda far: far.words.update({40000: 0}), "no marker SunS at register 40000", id="no marker"
        ),
        pytest.param(lambda far: far.move(Chain(), model=203), "only 1, 203", id="another model"),
        pytest.param(
            lambda far: far.words.update({40003: 40}), "breaks off after 1", id="a chain into nowhere"
        ),
        pytest.param(lambda far: far.words.update({40070: 9}), "103 is too short", id="a short block"),
    ],
)
async def test_a_device_that_is_another_is_refused_in_words_that_staff_can_read(
    spoil: Callable[[Inverter], None], said: str
) -> None:
    far = Inverter()
    far.words |= dict.fromkeys(range(40040, 40050), 0)
    spoil(far)
    wire, sink = await polls(far, 30)
    assert sink.readings == []
    assert [state for _, state, _ in sink.states] == ["suspect", "offline"]
    assert said in sink.states[-1][2]
    assert {(subject, reason) for subject, reason, _ in sink.rejected} == {("pv", "wrong_identity")}
    assert len(wire.asked) < 60  # in quarantine it is looked for ever more rarely


async def test_a_device_that_is_exchanged_for_the_right_one_is_taken_up() -> None:
    far = Inverter()
    far.move(Chain(), model=203)

    def exchange(number: int) -> None:
        if number == 2:
            far.move(ELSEWHERE)

    _, sink = await polls(far, 3, before=exchange)
    assert sink.values()[:2] == RIGHT
    assert [state for _, state, _ in sink.states] == ["suspect", "online"]


async def test_a_block_that_is_refused_gives_no_value_and_is_looked_for_at_each_poll() -> None:
    far = Inverter(ELSEWHERE)
    far.words.pop(far.chain.address + 20)
    wire, sink = await polls(far, 4)
    assert sink.readings == []
    assert {reason for _, reason, _ in sink.rejected} == {"refused"}
    assert heads(wire).count(far.chain.address) == 5
