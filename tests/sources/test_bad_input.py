"""Every way a reply can be wrong, on every wire: the value is rejected, the line is well within two polls, and nothing
that comes back answers another question than the one that was asked."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterator

import pytest

from gateway.errors import NoAnswerError, NonsenseError, RefusedError, WireError
from tests.sources.hostile import KINDS, Asked, Hostile, Kind, Say, Script, bus, truth

TIMEOUT_S = 0.15
POLLS = 3

Seen = list[bytes | WireError]


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def read(number: int, unit: int = 7) -> bytes:
    """Each poll asks for another register, so that no reply fits two."""
    return struct.pack(">BBHH", unit, 3, 100 + 10 * number, 2)


async def poll(device: Hostile, times: int = 1 + POLLS) -> Seen:
    """What ``times`` requests come to. Fails at once on a value that is not the right one."""
    seen: Seen = []
    async with bus(device, TIMEOUT_S) as wire:
        for number in range(1, times + 1):
            request = read(number)
            try:
                reply = await wire.exchange(request)
            except WireError as error:
                seen.append(error)
            else:
                assert reply == truth(request, device.numbers), (number, reply.hex(" "))
                seen.append(reply)
    return seen


def once(lie: Script) -> Script:
    """The first request meets the lie, the others the truth."""

    def script(asked: Asked) -> list[Say]:
        return list(lie(asked)) if asked.number == 1 else [(0.0, asked.frame(asked.truth))]

    return script


def at_once(make: bytes) -> list[Say]:
    return [(0.0, make)]


def lies(kind: Kind) -> Iterator[tuple[str, Script]]:
    """Name and script of everything that may come instead of the right reply."""
    yield "wrong unit", lambda a: at_once(a.frame(bytes((a.truth[0] ^ 2,)) + a.truth[1:]))
    for function in (0, 1, 2, 4, 6, 0x2B, 0x7F, 0x80, 0xFF):
        yield (
            f"function {function}",
            lambda a, f=function: at_once(a.frame(a.truth[:1] + bytes((f,)) + a.truth[2:])),  # type: ignore[misc]
        )
    for count in (0, 1, 3, 5, 6, 250, 255):
        yield (
            f"byte count {count}",
            lambda a, c=count: at_once(a.frame(a.truth[:2] + bytes((c,)) + a.truth[3:])),  # type: ignore[misc]
        )
    yield "a register too many", lambda a: at_once(a.frame(a.truth[:2] + b"\x06" + a.truth[3:] + b"\x00\x01"))
    yield "a register too few", lambda a: at_once(a.frame(a.truth[:2] + b"\x02" + a.truth[3:5]))
    yield "the refusal of another function", lambda a: at_once(a.frame(a.truth[:1] + b"\x84\x02"))
    yield "a refusal without a code", lambda a: at_once(a.frame(a.truth[:1] + b"\x83"))
    yield "noise", lambda _: at_once(bytes(range(0x80, 0x99)))
    yield "zeros", lambda _: at_once(bytes(40))
    yield "accepts and is silent", lambda _: []
    size = 13 if kind == "modbus-tcp" else 9
    for cut in range(1, size):
        yield f"cut after {cut}", lambda a, c=cut: at_once(a.frame(a.truth)[:c])  # type: ignore[misc]
    yield "late", lambda a: [(1.4 * TIMEOUT_S, a.frame(a.truth))]
    yield (
        "a byte at a time, too slow",
        lambda a: [(at * TIMEOUT_S / 3, bytes((byte,))) for at, byte in enumerate(a.frame(a.truth), 1)],
    )
    if kind == "modbus-tcp":
        for offset in (1, 7, 0x8000):
            yield (
                f"transaction off by {offset}",
                lambda a, o=offset: at_once(  # type: ignore[misc]
                    a.frame(
                        a.truth,
                        transaction=struct.pack(">H", (int.from_bytes(a.transaction, "big") + o) & 0xFFFF),
                    )
                ),
            )
        for protocol in (1, 0xFFFF):
            yield f"protocol {protocol}", lambda a, p=protocol: at_once(a.frame(a.truth, protocol=p))  # type: ignore[misc]
        for length in (0, 1, 2, 6, 8, 255, 65535):
            yield f"length {length}", lambda a, n=length: at_once(a.frame(a.truth, length=n))  # type: ignore[misc]
    else:
        for bit in range(8 * size):
            yield f"bit {bit} flipped", lambda a, b=bit: at_once(_flipped(a.frame(a.truth), b))  # type: ignore[misc]


def _flipped(frame: bytes, bit: int) -> bytes:
    changed = bytearray(frame)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lie_is_rejected_and_the_line_is_well_within_two_polls(kind: Kind) -> None:
    cases = list(lies(kind))
    outcomes = await asyncio.gather(*(poll(Hostile(kind, once(lie))) for _, lie in cases))
    for (name, _), seen in zip(cases, outcomes, strict=True):
        assert isinstance(seen[0], NoAnswerError | NonsenseError), name
        assert any(isinstance(one, bytes) for one in seen[1:3]), f"{name}: {seen}"
        assert isinstance(seen[3], bytes), f"{name}: {seen}"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_exception_is_a_refusal_and_costs_nothing(kind: Kind) -> None:
    def refusing(code: int) -> Script:
        return once(lambda a: at_once(a.frame(a.truth[:1] + bytes((0x83, code)))))

    codes = (*range(12), 0x80, 0xFF)
    outcomes = await asyncio.gather(*(poll(Hostile(kind, refusing(code)), 2) for code in codes))
    for code, seen in zip(codes, outcomes, strict=True):
        expected = NoAnswerError if code in {0x0A, 0x0B} else RefusedError
        assert isinstance(seen[0], expected), code
        assert isinstance(seen[1], bytes), code


def _crossed(asked: Asked) -> list[Say]:
    """The first reply comes late, glued in front of the second."""
    return [] if asked.number == 1 else [(0.0, _earlier(asked) + asked.frame(asked.truth))]


def _earlier(asked: Asked) -> bytes:
    before = (int.from_bytes(asked.transaction, "big") - 1 & 0xFFFF).to_bytes(2, "big")
    return asked.frame(truth(read(asked.number - 1), asked.number - 1), transaction=before)


async def test_on_tcp_crossed_and_late_replies_are_told_apart_by_their_transaction() -> None:
    seen = await poll(Hostile("modbus-tcp", _crossed))
    assert [isinstance(one, bytes) for one in seen] == [False, True, True, True]


async def test_on_tcp_a_stream_out_of_step_is_left_for_a_new_connection() -> None:
    """The second half of a frame that dribbles in with the replies after it spoils none of them."""

    def in_two(asked: Asked) -> list[Say]:
        frame = asked.frame(asked.truth)
        return [(0.0, frame[:5]), (1.01 * TIMEOUT_S, frame[5:7]), (1.1 * TIMEOUT_S, frame[7:])]

    seen = await poll(Hostile("modbus-tcp", once(in_two)))
    assert [isinstance(one, bytes) for one in seen] == [False, True, True, True]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extra", [b"\x00", b"\xff\xff\xff", bytes(30)])
async def test_bytes_after_a_good_reply_spoil_one_poll_at_most(kind: Kind, extra: bytes) -> None:
    seen = await poll(Hostile(kind, once(lambda a: at_once(a.frame(a.truth) + extra))))
    assert isinstance(seen[2], bytes)
    assert isinstance(seen[3], bytes)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_sent_twice_is_taken_once_and_never_for_the_next(kind: Kind) -> None:
    seen = await poll(Hostile(kind, lambda a: at_once(2 * a.frame(a.truth))), 6)
    assert sum(isinstance(one, bytes) for one in seen) >= 3


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_in_small_pieces_is_a_reply(kind: Kind) -> None:
    def slowly(asked: Asked) -> list[Say]:
        frame = asked.frame(asked.truth)
        return [(0.002 * at, bytes((byte,))) for at, byte in enumerate(frame)]

    assert all(isinstance(one, bytes) for one in await poll(Hostile(kind, slowly)))
