"""One request in flight on one connection, with one timer for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edge_config.schema import TcpBus
from gateway.sources.modbus_link import TRANSACTION_MAX, Link
from tests.sources import slave as far_end
from tests.sources.slave import Slave, registers

READ = bytes((3, 0, 100, 0, 2))


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@asynccontextmanager
async def connected(script: Callable[[bytes], bytes | None]) -> AsyncIterator[Link]:
    async with far_end.tcp(Slave(script)) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port)
        link = Link(bus, lambda _is_sending, _data: None)
        assert await link.connect()
        try:
            yield link
        finally:
            link.close()
            await asyncio.sleep(0)


async def test_a_short_time_out_does_not_wait_for_the_long_one_before_it() -> None:
    async with connected(lambda request: registers(request) if request[0] == 1 else None) as link:
        assert await link.ask(1, READ, 3600.0) == registers(b"\x01" + READ)[1:]
        async with asyncio.timeout(60):
            assert await link.ask(2, READ, 0.01) is None


async def test_a_long_time_out_is_not_cut_short_by_the_timer_of_a_request_that_was_answered() -> None:
    answered = asyncio.Event()

    def late(request: bytes) -> bytes | None:
        if request[0] == 1:
            return registers(request)
        asyncio.get_running_loop().call_later(0.1, answered.set)
        return None

    async with connected(late) as link:
        await link.ask(1, READ, 0.02)
        asking = asyncio.ensure_future(link.ask(2, READ, 60.0))
        await answered.wait()
        assert not asking.done()
        link.close()
        assert await asking is None


async def test_a_link_that_is_closed_says_so_at_once() -> None:
    async with connected(registers) as link:
        link.close()
        assert await link.ask(1, READ, 3600.0) is None


async def test_transactions_begin_anew_after_the_last() -> None:
    async with connected(registers) as link:
        link._transaction = TRANSACTION_MAX
        assert await link.ask(1, READ, 5.0) is not None
        assert link._transaction == 1
