"""DL/T 645 and CJ/T 188 meters whose plates nobody has read: asked by a wildcard address, and told apart by their digits.

A wildcard is for one meter on the line: several that answer at once garble each other. DL/T 645-2007 lets the high bytes
of an address be wildcards, so its meters are then asked by the last two digits, byte by byte; CJ/T 188 has no such thing.
How wildcards shorten an address was not re-read in the standard's text: a meter that knows none is found by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from devices import cjt188, dlt645
from devices.profile import AnyProfile, Cjt188Profile, Dlt645Profile
from gateway.commissioning.line import Answer, Asker, Line, Outcome
from gateway.commissioning.scan_rounds import Protocol, Steps, silent_s

ADDRESS_BYTES: Final = 6
ANY: Final = "AA"
ENERGY: Final = ("00010000", "00000000")
"""Forward and combined active energy; a meter that refuses the first may have the second."""
ENERGY_1997: Final = "9010"
NOBODY: Final = dlt645.read(dlt645.BROADCAST_ADDRESS, ENERGY[0]).encode()
"""No meter answers what is asked of all of them: what is heard then is a slower meter's answer to the question before."""
PROBES_188: Final = (
    cjt188.read_address().encode(),
    *(cjt188.read(cjt188.WILDCARD, ANY * 7, order).encode() for order in cjt188.READ_DATA_ORDERS),
)
PAIRS: Final = tuple(f"{number:02d}" for number in range(100))
SEVERAL_188: Final = (
    "可能有多块表同时应答 / probably several meters answer at once: connect one alone, or read the numbers on "
    "their plates"
)
SEVERAL_645: Final = (
    "多块表同时应答，按末尾两位逐一询问 / several meters answer at once: they are asked by their last two digits, "
    "at most"
)
NOT_TOLD_APART: Final = (
    "应答混乱且无法区分：请单独接一块表，或核对波特率和校验位 / garbled, and no digits tell them apart: connect one meter "
    "alone, or check baud rate and parity"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A meter by its ``address`` as on its plate, None where answers could not be told apart; ``meter_type`` is the type
    byte of a CJ/T 188 meter."""

    answer: Answer
    address: str | None = None
    meter_type: int | None = None


async def meters(line: Line, protocol: Protocol, steps: Steps, say: Say) -> AsyncIterator[Seen]:
    """The meters of one protocol on a line. Raises NotConnectedError."""
    if protocol == "cjt188":
        answer = await _first(line, PROBES_188)
        steps.done()
        if answer is not None:
            yield _flow(answer)
        return
    answer = await _by_wildcard(line)
    steps.done()
    if answer is None:
        return
    only = _plate(answer)
    if only is not None:
        yield Seen(answer, only)
        if (await line.ask(NOBODY)).outcome is Outcome.SILENT:
            return
    wait_s = len(PAIRS) * silent_s(line.bus, "dlt645", line.bus.timeout_s)
    say(f"{SEVERAL_645} {len(PAIRS)} × {wait_s / len(PAIRS):.1f} s = {wait_s:.0f} s, and as long again for each pair that "
        "several share")  # fmt: skip
    count = 0
    async for seen in told_apart(line, steps):
        count += 1
        if seen.address != only:
            yield seen
    if not count and only is None:
        yield Seen(Answer(Outcome.NONSENSE, answer.took_s, detail=NOT_TOLD_APART))


async def told_apart(line: Asker, steps: Steps) -> AsyncIterator[Seen]:
    """DL/T 645 meters by their last digits: a pair to which one meter answers is that meter's, a pair to which several do
    is asked again with the pair before it."""
    suffixes = [""]
    while suffixes:
        suffix = suffixes.pop(0)
        steps.more(len(PAIRS))
        for pair in PAIRS:
            known = pair + suffix
            answer = await _masked(line, ANY * (ADDRESS_BYTES - len(known) // 2) + known)
            steps.done()
            if answer.outcome is Outcome.SILENT:
                continue
            plate = _plate(answer)
            if plate is not None:
                yield Seen(answer, plate)
            elif len(known) < 2 * ADDRESS_BYTES:
                suffixes.append(known)
            else:  # two meters of one number, or one that refuses everything
                yield Seen(answer, known)


def fitting(seen: Seen, profiles: Iterable[AnyProfile]) -> list[AnyProfile]:
    """The profiles that a meter of this protocol and type may have."""
    if seen.meter_type is None:
        return [one for one in profiles if isinstance(one, Dlt645Profile)]
    own = f"{seen.meter_type:02X}"
    return [one for one in profiles if isinstance(one, Cjt188Profile) and one.meter_type == own]


async def _by_wildcard(line: Asker) -> Answer | None:
    """What is heard when all DL/T 645 meters are asked for their address, or for a reading, which some know instead."""
    answer = await line.ask(dlt645.read_address().encode())
    if answer.outcome is Outcome.SILENT:
        answer = await _masked(line, ANY * ADDRESS_BYTES)
    if answer.outcome is Outcome.SILENT:
        answer = await line.ask(dlt645.read(ANY * ADDRESS_BYTES, ENERGY_1997).encode())
    return None if answer.outcome is Outcome.SILENT else answer


async def _first(line: Asker, probes: Iterable[bytes]) -> Answer | None:
    """The first answer that is none of silence, or None."""
    for request in probes:
        answer = await line.ask(request)
        if answer.outcome is not Outcome.SILENT:
            return answer
    return None


async def _masked(line: Asker, address: str) -> Answer:
    """What comes when a reading is asked for. A refusal does not tell whose it is, so a second reading is asked for."""
    for di in ENERGY:
        answer = await line.ask(dlt645.read(address, di).encode())
        if answer.outcome is not Outcome.REFUSED:
            return answer
    return answer


def _plate(answer: Answer) -> str | None:
    if answer.outcome is not Outcome.ANSWERED:
        return None
    return next(frame.plate for frame in dlt645.frames(answer.reply))


def _flow(answer: Answer) -> Seen:
    if answer.outcome is not Outcome.ANSWERED:
        return Seen(Answer(answer.outcome, answer.took_s, detail=SEVERAL_188))
    frame = next(cjt188.frames(answer.reply))
    return Seen(answer, frame.plate, frame.meter_type)
