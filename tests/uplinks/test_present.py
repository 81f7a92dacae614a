from __future__ import annotations

import asyncio

import pytest

from gateway.errors import StoreError
from gateway.uplinks.present import speaking


class Clockwork:
    """Says that it began and that it ended."""

    def __init__(self, error: Exception | None = None) -> None:
        self.began, self.error, self.ended = asyncio.Event(), error, False

    async def present(self) -> None:
        self.began.set()
        try:
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_a_sender_speaks_for_as_long_as_the_context_lasts() -> None:
    sender = Clockwork()
    async with speaking(sender):
        await sender.began.wait()
        assert not sender.ended
    assert sender.ended


async def test_a_sender_that_does_not_want_the_present_is_left_alone() -> None:
    async with speaking(object()):
        pass


async def test_what_ends_the_collector_ends_the_context() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with speaking(Clockwork(StoreError("gone"))):
            await asyncio.Event().wait()
    assert caught.group_contains(StoreError)


async def fails_beside(sender: Clockwork) -> None:
    async with speaking(sender):
        await sender.began.wait()
        raise StoreError("gone")


async def test_an_error_of_the_body_comes_out_and_nothing_is_left_running() -> None:
    sender = Clockwork()
    with pytest.raises(ExceptionGroup) as caught:
        await fails_beside(sender)
    assert caught.group_contains(StoreError)
    assert sender.ended
