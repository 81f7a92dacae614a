"""Deliveries to readings and PUBACKs, above the seam."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.sources.intake import Ingest, Intake
from gateway.sources.mapping import TopicMap
from gateway.sources.presence import Presence
from gateway.sources.seam import Delivery
from tests.sources.fakes import T0, Clock, Sink
from tests.sources.sensors import air

TOPIC = "zigbee2mqtt/air-101"
WINDOW = 4


@dataclass
class Valve:
    is_open: bool = True
    unsubscribed: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.is_open = False

    def resume(self) -> None:
        self.is_open = True

    def unsubscribe(self, topic: str) -> None:
        self.unsubscribed.append(topic)


@dataclass
class Bench:
    """An intake at work, with a valve and a sink to look at."""

    sink: Sink
    clock: Clock
    valve: Valve
    intake: Intake
    acked: list[int] = field(default_factory=list)

    def deliver(
        self, number: int, payload: bytes = b"", topic: str = TOPIC, *, retained: bool = False
    ) -> None:
        payload = payload or b'{"co2":%d}' % number
        self.intake.put(Delivery(topic, payload, retained, lambda: self.acked.append(number)))

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    sink, clock, valve = Sink(accepts_at_once=False), Clock(), Valve()
    ingest = Ingest("local", TopicMap([air()]), Presence([air()], clock.mono_s), sink, clock)
    intake = Intake(ingest, WINDOW)
    intake.attach(valve)
    task = asyncio.ensure_future(intake.run())
    yield Bench(sink, clock, valve, intake)
    task.cancel()
    await asyncio.wait({task})


async def test_a_message_is_acknowledged_once_and_only_when_accepted(bench: Bench) -> None:
    bench.deliver(1)
    await bench.settle()
    assert (len(bench.sink.readings), bench.acked) == (1, [])
    bench.sink.accept()
    assert bench.acked == [1]
    bench.sink.accept()
    assert bench.acked == [1]


async def test_messages_of_one_wake_up_are_offered_together(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.deliver(number)
    await bench.settle()
    assert [len(offer) for offer in bench.sink.offers] == [3]
    bench.sink.accept()
    assert bench.acked == [1, 2, 3]


async def test_the_time_of_arrival_is_when_it_came_and_not_when_there_was_room(bench: Bench) -> None:
    bench.sink.is_open.clear()
    bench.deliver(1)
    await bench.settle()
    bench.clock.advance(7)
    bench.deliver(2)
    bench.clock.advance(30)
    bench.sink.is_open.set()
    await bench.settle()
    assert [reading.received_at for reading in bench.sink.readings] == [T0, T0 + 7000]


@pytest.mark.parametrize("payload", [b"garbage", b'{"linkquality":3}'])
async def test_a_message_without_a_reading_is_counted_and_acknowledged_at_once(
    bench: Bench, payload: bytes
) -> None:
    bench.deliver(1, payload)
    await bench.settle()
    assert bench.acked == [1]
    assert [subject for subject, *_ in bench.sink.rejected] == ["air-101"]
    assert bench.sink.offers == []


async def test_a_retained_value_is_noted_and_acknowledged(bench: Bench) -> None:
    bench.deliver(1, retained=True)
    await bench.settle()
    assert bench.acked == [1]
    assert bench.sink.rejected[0][:2] == ("air-101", "retained")


async def test_a_topic_left_over_from_an_older_site_file_is_let_go(bench: Bench) -> None:
    bench.deliver(1, topic="zigbee2mqtt/gone")
    await bench.settle()
    assert bench.acked == [1]
    assert bench.valve.unsubscribed[0] == "zigbee2mqtt/gone"
    assert "zigbee2mqtt/#" in bench.valve.unsubscribed
    assert bench.sink.rejected == [("local", "unknown_topic", "zigbee2mqtt/gone")]


async def test_reading_stops_at_two_windows_and_goes_on_when_puback_went_out(bench: Bench) -> None:
    for number in range(2 * WINDOW - 1):
        bench.deliver(number)
        await bench.settle()
    assert bench.valve.is_open
    bench.deliver(99)
    assert not bench.valve.is_open
    await bench.settle()
    assert not bench.valve.is_open
    bench.sink.accept()
    assert bench.valve.is_open


async def test_a_full_door_stops_reading_and_nothing_is_lost(bench: Bench) -> None:
    bench.sink.is_open.clear()
    for number in range(2 * WINDOW):
        bench.deliver(number)
        await bench.settle()
    assert not bench.valve.is_open
    bench.sink.accepts_at_once = True
    bench.sink.is_open.set()
    await bench.settle()
    assert bench.valve.is_open
    assert bench.acked == list(range(2 * WINDOW))


async def test_the_door_is_hurried_when_the_brokers_window_waits_for_us(bench: Bench) -> None:
    for number in range(WINDOW - 1):
        bench.deliver(number)
    await bench.settle()
    assert bench.sink.hurries == 0
    bench.deliver(9)
    await bench.settle()
    assert bench.sink.hurries == 1


async def test_settled_waits_for_what_was_offered(bench: Bench) -> None:
    await asyncio.wait_for(bench.intake.settled(), 60)
    bench.deliver(1)
    await bench.settle()
    waiting = asyncio.ensure_future(bench.intake.settled())
    await bench.settle()
    assert not waiting.done()
    bench.sink.accept()
    await asyncio.wait_for(waiting, 60)


async def test_messages_and_wills_become_device_states(bench: Bench) -> None:
    bench.deliver(1)
    bench.deliver(2)
    bench.deliver(3, b'{"state":"offline"}', TOPIC + "/availability", retained=True)
    await bench.settle()
    assert [state[:2] for state in bench.sink.states] == [("air-101", "online"), ("air-101", "offline")]
    assert bench.acked == [3]
