"""A broker by its contract: a durable session, an in-flight window, QoS 1 with redelivery, retained messages.

Stands where ``mqtt_connection`` stands; everything above is shipped. A message leaves the session when its PUBACK arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from paho.mqtt.enums import MQTTProtocolVersion

from gateway.errors import NoAnswerError, RefusedError
from gateway.sources.broker_faults import UNSUPPORTED_PROTOCOL
from gateway.sources.mqtt_connection import V5, BrokerAccess, NoConnackError
from gateway.sources.seam import Delivery
from tests.simulation.chaos import Chaos
from tests.simulation.journal import Journal, Message
from tests.simulation.life import Life

WINDOW = 8
NOT_AUTHORIZED = 0x87


class Broker:
    def __init__(self, chaos: Chaos, journal: Journal) -> None:
        self.chaos, self.journal = chaos, journal
        self.life: Life | None = None
        self._has_session = False
        self._queue: list[Message] = []
        self._in_flight: list[Message] = []
        self._kept: dict[str, Message] = {}
        self._connection: Connection | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._in_flight)

    def publish(self, message: Message) -> None:
        self.journal.messages.append(message)
        self._kept[message.topic] = message
        if self._has_session:
            self._queue.append(message)
            self._pump()

    def connect(self, connection: Connection) -> None:
        if self._connection is not None:
            self._connection.lost("taken over")
        if self.chaos.hits("session_lost"):
            self._has_session, self._queue, self._in_flight = False, [], []
        self._queue[:0], self._in_flight = self._in_flight, []
        self._connection = connection

    def subscribed(self) -> None:
        """Retained messages come first, as ones of their own that nobody repeats."""
        self._has_session = True
        if self.chaos.hits("retained"):
            for kept in self._kept.values():
                values = (
                    kept.values if kept.time_ms is not None else {}
                )  # else nobody knows when it was measured
                again = Message(kept.topic, kept.payload, values, kept.time_ms, is_retained=True)
                self.journal.messages.append(again)
                self._queue.insert(0, again)
        self._pump()

    def disconnect(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None

    def drop(self, why: str) -> None:
        """The network between us is gone."""
        if self._connection is not None:
            self._connection.lost(why)

    def acknowledge(self, connection: Connection, message: Message) -> None:
        life = connection.life
        if not life.is_alive or connection is not self._connection:
            return
        message.is_acknowledged = True
        self.journal.note("puback", message.topic, message.time_ms)
        if self.chaos.hits("puback_lost"):
            connection.lost("reset")
        elif message in self._in_flight:
            self._in_flight.remove(message)
        if self.chaos.hits("crash_ack"):
            life.crash("crash between PUBACK and the next commit")
        self._pump()

    def _pump(self) -> None:
        connection = self._connection
        while self._queue and connection is not None and connection.is_open and len(self._in_flight) < WINDOW:
            message = self._queue.pop(0)
            self._in_flight.append(message)
            if message.arrivals:
                self.chaos.saw("redelivered")
            message.arrivals.append(self.journal.clock.now_ms())
            acknowledge = partial(self.acknowledge, connection, message)
            connection.take(Delivery(message.topic, message.payload, message.is_retained, acknowledge))
            if self.chaos.hits("dropped"):
                connection.lost("reset")


class Connection:
    """The part of ``mqtt_connection.Connection`` that the source uses."""

    def __init__(
        self, broker: Broker, access: BrokerAccess, protocol: MQTTProtocolVersion,
        take: Callable[[Delivery], None],
    ) -> None:  # fmt: skip
        assert broker.life is not None
        self._broker, self._access, self._protocol = broker, access, protocol
        self.life, self.take = broker.life, take
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._is_subscribed, self._is_paused = False, False

    @property
    def is_open(self) -> bool:
        return self._is_subscribed and not self._is_paused and not self.closed.done() and self.life.is_alive

    async def open(self) -> None:
        await asyncio.sleep(self._broker.chaos.stream("net").uniform(0.01, 0.5))
        chaos = self._broker.chaos
        if chaos.is_down("broker_down", asyncio.get_running_loop().time()):
            raise NoAnswerError("no broker")
        if chaos.hits("connect_fails"):
            raise self._failure(chaos.stream("connect").randrange(4))
        self._broker.connect(self)

    def _failure(self, kind: int) -> Exception:
        if kind == 0:
            return NoConnackError("no word to CONNECT")
        if kind == 1 and self._protocol == V5:
            self._broker.chaos.saw("old broker")
            return RefusedError("MQTT 3.1.1 only", UNSUPPORTED_PROTOCOL)
        if kind == 2:
            return RefusedError("not authorized", NOT_AUTHORIZED)
        return NoAnswerError("connection refused")

    async def subscribe(self, topics: Sequence[str]) -> list[str]:
        if not topics:
            return []
        await asyncio.sleep(self._broker.chaos.stream("net").uniform(0.01, 0.5))
        if self.closed.done():
            raise NoAnswerError("no answer to a subscription")
        self._is_subscribed = True
        self._broker.subscribed()
        return []

    def unsubscribe(self, topic: str) -> None:
        """Every topic here is of a device: there is none to let go of."""

    def pause(self) -> None:
        self._broker.chaos.saw("broker held back")
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self._broker._pump()

    def close(self) -> None:
        self.lost("closed")

    def lost(self, why: str) -> None:
        self._broker.disconnect(self)
        if not self.closed.done():
            self.closed.set_result(why)
