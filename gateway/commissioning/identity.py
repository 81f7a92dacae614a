"""What Modbus units say of themselves: function 43/14, read device identification. Only ever reads.

The question has a shape of its own that the collector's wire does not know, so pymodbus's client asks it on a connection of
its own, after everything else and while nobody else has the line. Most meters refuse it or say nothing, which is no fault.
"""

from __future__ import annotations

import asyncio
import termios
from collections.abc import Iterable, Mapping, Sequence

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.constants import DeviceInformation
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from edge_config.schema import Bus, TcpBus

BASIC_OBJECTS = (0, 1, 2)
"""Vendor name, product code, revision: what every device has that knows the function."""
SILENCES_MAX = 3
"""Units that say nothing cost the line two time-outs each; after so many in a row no other is asked."""
NEVER_DISCONNECT = 10**6

Client = AsyncModbusTcpClient | AsyncModbusSerialClient


async def identities(bus: Bus, unit_ids: Iterable[int]) -> dict[int, str]:
    """Maker, model and revision by unit id; units that do not know the function, or say nothing, are not in it."""
    found: dict[int, str] = {}
    waiting = [*unit_ids]
    if not waiting:
        return found
    client = _client(bus)
    try:
        if await client.connect():
            await _ask_all(client, waiting, bus.timeout_s, found)
    except termios.error:
        return found  # a pseudo-terminal refuses parity, as it does not exist on it
    finally:
        client.close()
        await asyncio.sleep(0)  # the transport closes its socket at the loop's next turn
    return found


async def _ask_all(client: Client, unit_ids: Sequence[int], timeout_s: float, found: dict[int, str]) -> None:
    silences = 0
    for unit_id in unit_ids:
        try:
            reply = await client.read_device_information(read_code=DeviceInformation.BASIC, device_id=unit_id)
        except ModbusException:
            silences += 1
            if silences == SILENCES_MAX:
                return
            await asyncio.sleep(timeout_s)  # a late reply must not be taken for the next unit's
            continue
        silences = 0
        if isinstance(reply, ReadDeviceInformationResponse) and (text := text_of(reply.information)):
            found[unit_id] = text


def text_of(information: Mapping[int, object]) -> str:
    """Maker, model and revision in one line, without what cannot be printed."""
    parts = []
    for key in BASIC_OBJECTS:
        value = information.get(key, b"")
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
        parts.append("".join(one if one.isprintable() else " " for one in text).strip())
    return " ".join(part for part in parts if part)


def _client(bus: Bus) -> Client:
    client: Client
    if isinstance(bus, TcpBus):
        framer = FramerType.SOCKET if bus.kind == "modbus-tcp" else FramerType.RTU
        client = AsyncModbusTcpClient(
            bus.host, port=bus.port, framer=framer, timeout=bus.timeout_s, retries=0, reconnect_delay=0
        )
    else:
        client = AsyncModbusSerialClient(
            bus.port, baudrate=bus.baudrate, parity=bus.parity, stopbits=bus.stopbits, timeout=bus.timeout_s,
            retries=0, reconnect_delay=0,
        )  # fmt: skip
    client.set_max_no_responses(NEVER_DISCONNECT)  # a unit that says nothing must not cut the others off
    return client
