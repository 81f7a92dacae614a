"""The connection to a broker, for publishing only. aiomqtt's exceptions end here.

A new client for each connection: one that lost its connection keeps what it could not send, and would send it again later.
A message counts as sent when its PUBACK is there. ``connection`` counts connections: what a broker may have forgotten is said
again on each.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from edge_config.schema import Broker
from edge_config.uplinks import MqttUplink
from gateway.sources.tls import context_of
from gateway.uplinks.mqtt_said import Said
from gateway.uplinks.verdict import Trouble
from gateway.uplinks.wire import WireFault, secret_in

ANSWER_S, KEEP_ALIVE_S = 10.0, 30
FAREWELL_S = 2.0

_quiet = logging.getLogger("gateway.uplinks.mqtt")
_quiet.setLevel(logging.CRITICAL)
"""What goes wrong on the connection is said by the uplink, once."""


class MqttWire:
    """Use as ``async with``. ``will`` is what the broker says when we are gone, and what we say ourselves when we go."""

    def __init__(self, uplink: MqttUplink, identifier: str, will: Said | None) -> None:
        self._uplink, self.identifier, self._will = uplink, identifier, will
        self._stack: AsyncExitStack | None = None
        self._client: aiomqtt.Client | None = None
        self.turn = asyncio.Lock()
        """Who holds it has the connection for itself."""
        self.connection = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None and self._will is not None:
            with suppress(WireFault, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self.publish(self._will)
        await self._drop()

    async def connect(self) -> int:
        """The number of the connection that stands, made where there is none. Raises WireFault."""
        if self._client is None:
            username, password = self._login()
            client = aiomqtt.Client(
                self._uplink.host,
                self._uplink.port,
                identifier=self.identifier,
                will=self._last_will(),
                tls_context=await self._tls(),
                keepalive=KEEP_ALIVE_S,
                timeout=ANSWER_S,
                logger=_quiet,
                username=username,
                password=password,
            )
            stack = AsyncExitStack()
            try:
                await stack.enter_async_context(client)
            except aiomqtt.MqttError as error:
                raise _refused(error) from error
            self._stack, self._client = stack, client
            self.connection += 1
        return self.connection

    async def publish(self, *messages: Said) -> None:
        """Return when every PUBACK is there. Raises WireFault, and the connection is gone then."""
        assert self._client is not None  # noqa: S101 - after ``connect``
        try:
            for one in messages:
                await self._client.publish(one.topic, one.payload, qos=1, retain=one.is_retained)
        except (aiomqtt.MqttError, ValueError) as error:
            await self._drop()
            raise _lost(str(error)) from error

    async def _drop(self) -> None:
        stack, client = self._stack, self._client
        self._stack = self._client = None
        if stack is None or client is None:
            return
        with suppress(aiomqtt.MqttError, TimeoutError):
            await stack.aclose()
        with suppress(
            aiomqtt.MqttError, TimeoutError
        ):  # takes up why the connection ended, or asyncio complains of it
            async with asyncio.timeout(FAREWELL_S):
                await anext(aiter(client.messages))

    def _login(self) -> tuple[str | None, str | None]:
        """Username and password; the files are read anew for each connection."""
        uplink = self._uplink
        if uplink.token_file is not None:
            return secret_in(uplink.token_file), None
        return uplink.username, secret_in(uplink.password_file) if uplink.password_file is not None else None

    def _last_will(self) -> aiomqtt.Will | None:
        if self._will is None:
            return None
        return aiomqtt.Will(self._will.topic, self._will.payload, qos=1, retain=True)

    async def _tls(self) -> ssl.SSLContext | None:
        uplink = self._uplink
        broker = Broker(
            id=uplink.id,
            host=uplink.host,
            port=uplink.port,
            ca_file=uplink.ca_file,
            cert_file=uplink.cert_file,
            key_file=uplink.key_file,
        )
        try:
            return await asyncio.to_thread(context_of, broker)
        except OSError as error:
            raise WireFault(Trouble.TOKEN, str(error), "check ca_file, cert_file and key_file") from error


def _refused(error: aiomqtt.MqttError) -> WireFault:
    if isinstance(error, MqttConnectError):
        cure = "check the username and password file, or the token file"
        return WireFault(Trouble.UNAUTHORIZED, f"the broker refuses us: {error}", cure)
    return _lost(str(error))


def _lost(why: str) -> WireFault:
    return WireFault(
        Trouble.NO_ANSWER,
        why or "no connection",
        "check the network and that the broker runs; it goes on by itself",
    )
