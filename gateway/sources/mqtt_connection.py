"""One connection to a broker: a new paho client, driven by our loop, that acknowledges only when told to.

Knows sockets, CONNECT, SUBSCRIBE and PUBACK; does not know devices, readings or when to try again. Never
raises a paho error: NoAnswerError (nobody there, or gone) and RefusedError (with the reason code).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from paho.mqtt.client import (
    MQTT_CLEAN_START_FIRST_ONLY,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_config.schema import Broker
from gateway.errors import NoAnswerError, RefusedError
from gateway.sources import broker_faults as faults
from gateway.sources import tls
from gateway.sources.read_ahead import ReadAhead
from gateway.sources.seam import Delivery

KEEPALIVE_S: Final = 30
CONNECT_S_MAX: Final = 3.0
CONNACK_S_MAX: Final = 2.0
SUBACK_S_MAX: Final = 5.0
MISC_S: Final = 5.0

SESSION_EXPIRY_S: Final = 7 * 24 * 3600
"""The broker keeps our session for as long as a late reading is still taken."""

PACKET_BYTES_MAX: Final = 256 * 1024
READS_PER_TURN: Final = 64
TOPICS_PER_SUBSCRIBE: Final = 100

V5: Final = MQTTProtocolVersion.MQTTv5
V311: Final = MQTTProtocolVersion.MQTTv311


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """A broker and how we present ourselves to it. The client id is fixed: the broker keeps our session by it."""

    broker: Broker
    client_id: str
    password: str | None = field(default=None, repr=False)


class NoConnackError(NoAnswerError):
    """Somebody took the connection and said nothing to CONNECT: maybe a broker that waits for more of a
    packet it cannot read."""


class _Client(Client):
    """paho on a socket that reads ahead."""

    def _create_socket(self) -> ReadAhead:  # paho has no other place to put a socket
        return ReadAhead(cast("socket.socket", super()._create_socket()))


class Connection:
    """Made, opened and closed once. ``closed`` is done with the reason when the connection is gone."""

    def __init__(
        self, access: BrokerAccess, protocol: MQTTProtocolVersion, take: Callable[[Delivery], None]
    ) -> None:
        self._access, self._protocol, self._take = access, protocol, take
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._subacks: dict[int | None, asyncio.Future[Sequence[ReasonCode]]] = {}
        self._is_reading = self._is_writing = False
        self._misc: asyncio.TimerHandle | None = None
        self._client = self._make_client()

    async def open(self) -> None:
        """Connect and wait for the broker's word. Raises NoAnswerError (NoConnackError when somebody is there)
        or RefusedError; is then closed."""
        connecting = asyncio.ensure_future(asyncio.to_thread(self._connect))
        try:
            await asyncio.shield(connecting)
        except (OSError, UnicodeError) as error:  # nobody there, or a host name that cannot be one
            self.close()
            raise NoAnswerError(faults.no_broker(self._access.broker, error)) from error
        except asyncio.CancelledError:
            connecting.add_done_callback(self._abandon)
            raise
        self._attach()
        reason = await self._answer()
        if reason.is_failure:
            self.close()
            raise RefusedError(faults.connect_refused(self._access.broker, reason.value), reason.value)

    async def subscribe(self, topics: Sequence[str]) -> list[str]:
        """Subscribe with QoS 1; the topics the broker refused. Raises NoAnswerError."""
        refused: list[str] = []
        for first in range(0, len(topics), TOPICS_PER_SUBSCRIBE):
            some = topics[first : first + TOPICS_PER_SUBSCRIBE]
            codes = await self._subscribe(some)
            refused += [topic for topic, code in zip(some, codes, strict=False) if code.is_failure]
        return refused

    def unsubscribe(self, topic: str) -> None:
        """For a topic the broker's memory of our session still holds."""
        if not self.closed.done():
            self._client.unsubscribe(topic)

    def pause(self) -> None:
        """Stop reading: what comes waits in the broker. Acknowledgements still go out."""
        sock = self._socket()
        if self._is_reading and sock is not None:
            self._is_reading = False
            self._loop.remove_reader(sock)

    def resume(self) -> None:
        sock = self._socket()
        if not self._is_reading and sock is not None:
            self._is_reading = True
            self._loop.add_reader(sock, self._readable)
            self._read_on(sock)

    def close(self) -> None:
        """Say goodbye, so that no will is sent, and let go of the socket. The session stays."""
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()
        self._drop("closed")

    def _make_client(self) -> Client:
        is_v5 = self._protocol == V5
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._access.client_id,
            clean_session=None if is_v5 else False,
            protocol=self._protocol,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.username_pw_set(self._access.broker.username, self._access.password)
        client.connect_timeout = CONNECT_S_MAX
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self) -> None:
        """Blocks in a thread: names are resolved and the socket connected. No callback comes from here."""
        broker = self._access.broker
        is_v5 = self._protocol == V5
        context = tls.context_of(broker)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.connect(
            broker.host,
            broker.port,
            KEEPALIVE_S,
            clean_start=False if is_v5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties(broker) if is_v5 else None,
        )

    def _attach(self) -> None:
        """From here on the loop drives the client."""
        self._client.on_socket_close = self._on_socket_close
        self._client.on_socket_register_write = self._on_register_write
        self.resume()
        self._misc = self._loop.call_later(MISC_S, self._look_after)
        if self._client.socket() is None:
            self._drop("connection lost")

    async def _answer(self) -> ReasonCode:
        """What the broker says to CONNECT."""
        try:
            return await asyncio.wait_for(self._connack, CONNACK_S_MAX)
        except TimeoutError as error:
            self.close()
            raise NoConnackError(faults.no_connack(self._access.broker)) from error
        except asyncio.CancelledError:
            self.close()
            raise

    def _abandon(self, connecting: asyncio.Future[None]) -> None:
        if not connecting.cancelled():
            connecting.exception()
        self._drop("cancelled")

    async def _subscribe(self, topics: Sequence[str]) -> Sequence[ReasonCode]:
        result, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise NoAnswerError(faults.lost(self._access.broker, "not connected"))
        answer: asyncio.Future[Sequence[ReasonCode]] = self._loop.create_future()
        self._subacks[mid] = answer
        ends: set[asyncio.Future[Any]] = {answer, self.closed}
        await asyncio.wait(ends, timeout=SUBACK_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        del self._subacks[mid]
        if not answer.done():
            raise NoAnswerError(faults.lost(self._access.broker, "no answer to a subscription"))
        return answer.result()

    def _socket(self) -> Any:
        """The socket, None once the connection is gone: PUBACKs may fall due after that."""
        return None if self.closed.done() else self._client.socket()

    def _readable(self) -> None:
        """Read what has come, a bounded number of messages a turn: one wake-up for many is most of the speed."""
        if not self._is_reading:  # paused or gone since this turn was asked for
            return
        sock = self._socket()
        for _ in range(READS_PER_TURN):
            self._client.loop_read()
            if not (self._is_reading and sock.has_more):
                return
        self._read_on(sock)

    def _read_on(self, sock: ReadAhead) -> None:
        """What was read ahead makes no socket readable: come back for it."""
        if self._is_reading and sock.has_more:
            self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        """Write what paho has queued; only what the socket does not take now waits for it."""
        sock = self._socket()
        if sock is None:
            return
        self._client.loop_write()
        wants = self._client.want_write()
        if self._socket() is None or wants == self._is_writing:
            return
        self._is_writing = wants
        if wants:
            self._loop.add_writer(sock, self._writable)
        else:
            self._loop.remove_writer(sock)

    def _look_after(self) -> None:
        """Keep-alive. Ends with the connection."""
        self._client.loop_misc()
        if not self.closed.done():
            self._misc = self._loop.call_later(MISC_S, self._look_after)

    def _acknowledge(self, mid: int, qos: int) -> None:
        if not self.closed.done():  # a message id means nothing to another connection
            self._client.ack(mid, qos)

    def _drop(self, reason: str) -> None:
        sock = self._client.socket()
        if sock is not None:
            self._release(sock)
            sock.close()
        if self._misc is not None:
            self._misc.cancel()
        if not self.closed.done():
            self.closed.set_result(reason)
        if not self._connack.done():
            self._connack.cancel()

    def _release(self, sock: Any) -> None:
        self._is_reading = self._is_writing = False
        with contextlib.suppress(ValueError):  # already closed: there is nothing to take off the loop
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if not self._connack.done():
            self._connack.set_result(reason)

    def _on_subscribe(
        self, _client: Client, _data: object, mid: int, reasons: Sequence[ReasonCode], _properties: object
    ) -> None:
        answer = self._subacks.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # of no device: rejected and acknowledged like any other stray
        acknowledge = partial(self._acknowledge, message.mid, message.qos)
        self._take(Delivery(topic, bytes(message.payload), message.retain, acknowledge))

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if not self.closed.done():
            self.closed.set_result(str(reason))
        if not self._connack.done():
            # Brokers older than MQTT 5 may hang up at a CONNECT they cannot read.
            self._connack.set_result(ReasonCode(PacketTypes.CONNACK, identifier=faults.UNSUPPORTED_PROTOCOL))

    def _on_socket_close(self, _client: Client, _data: object, sock: Any) -> None:
        self._release(sock)

    def _on_register_write(self, _client: Client, _data: object, _sock: object) -> None:
        self._loop.call_soon(self._writable)


def _connect_properties(broker: Broker) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own omission
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = broker.in_flight_max
    properties.MaximumPacketSize = PACKET_BYTES_MAX
    return properties
