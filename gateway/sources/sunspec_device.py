"""A SunSpec device as the poller sees it: where its block begins is looked for before it is read.

Knows steps of the search and what vouches for a place; the chain itself is followed in ``devices.sunspec``. A place
found is kept as long as every poll brings the model number that belongs there; after a poll that does not (silence,
a refusal, another model), the next one begins with the search.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from devices import sunspec
from devices.profile import SunSpec
from edge_config.plan import request_s
from edge_config.schema import Bus
from gateway.errors import WireError, WrongDeviceError
from gateway.sources.polled_device import REPLY_HEADER, DevicePoll, PolledDevice, ReadyBlock, Values
from gateway.sources.request_plan import Block, registers_of
from runtime import logs

HOLDING_REGISTERS = 3


@dataclass(slots=True)
class SearchStep:
    """Two registers to read on the way to the block; ``words`` is what stood there, None until they are answered."""

    address: int
    request: bytes
    words: Sequence[int] | None = None
    is_slow: bool = False
    points: tuple[tuple[str], ...] = ()

    def bus_s(self, bus: Bus) -> float:
        """Seconds of the bus that the read should take."""
        return request_s(bus, sunspec.HEADER)

    def values(self, reply: bytes) -> Values:
        """No point has its value here; the words are kept."""
        self.words = registers_of(HOLDING_REGISTERS, sunspec.HEADER, reply[REPLY_HEADER:])
        return Values((), [])


@dataclass(frozen=True, slots=True)
class PlacedBlock(ReadyBlock):
    """A block at the place that was found. ``confirm`` is called when its reply has the model number there."""

    confirm: Callable[[], None] = lambda: None

    def values(self, reply: bytes) -> Values:
        found = ReadyBlock.values(self, reply)
        if found.points or any(one.reason != "gated" for one in found.bad):
            self.confirm()
        return found


class SunSpecPoll(DevicePoll):
    """What is remembered of a SunSpec device between polls: besides the rest, where its block begins, whether the last
    poll confirmed it, and what is wrong when the device has no such block."""

    __slots__ = ("_address", "_bases", "_block", "_is_confirmed", "_log", "_registers", "trouble")

    def __init__(self, device: PolledDevice, block: SunSpec) -> None:
        self._block, self._address, self._is_confirmed = block, block.address, False
        self._registers = max(one.end for one in device.blocks) - block.address
        self._bases = sunspec.BASES
        self.trouble: WireError | None = None
        self._log = logs.get("sources.sunspec").bind(device_id=device.device, unit_id=device.unit_id)
        super().__init__(device)

    def due(self, groups: Collection[bool]) -> Iterator[Any]:
        """The reads of a poll, one after another: the search while the place is in doubt, then the blocks at it."""
        yield from self.search()
        if self.trouble is None:
            yield from super().due(groups)

    def search(self) -> Iterator[SearchStep]:
        """The reads that find the block, each made up from the answer to the one before; none when the last poll has
        confirmed it. To be gone through before the blocks of each poll; ``trouble`` says when there is none."""
        was_confirmed, self._is_confirmed = self._is_confirmed, False
        self.trouble = None
        if was_confirmed:
            return
        try:
            address = yield from self._steps()
        except sunspec.NotFoundError as error:
            self.trouble = WrongDeviceError(not_found(self.device.unit_id, self._block.models, error))
            return
        if address != self._address:
            self._log.info("SunSpec block found", address=address)
            self._move_to(address)

    @property
    def drawn_at(self) -> int:
        """Where the profile has the block begin."""
        return self._block.address

    def recorded(self, request: bytes) -> SearchStep | ReadyBlock | None:
        """What a request was that is known to have gone out, wherever the device had its block; None for another's."""
        head = self._header(0).request(self.device.unit_id)
        if request[:2] != head[:2]:
            return None
        if request[4:] == head[4:]:
            return SearchStep(int.from_bytes(request[2:4], "big"), request)
        for index, block in enumerate(self.device.blocks):
            if request[4:] == block.request(self.device.unit_id)[4:]:
                self._move_to(self._block.address + int.from_bytes(request[2:4], "big") - block.address)
                return self.blocks[index]
        return None

    def put_last(self, ready: Any) -> None:
        """A step of the search that met silence: the next poll begins anew, and with the next base, for some devices are
        silent where others refuse."""
        if not isinstance(ready, SearchStep):
            super().put_last(ready)
        elif ready.address in self._bases:
            after = self._bases.index(ready.address) + 1
            self._bases = self._bases[after:] + self._bases[:after]

    def cut(self, ready: Any) -> bool:
        """A step of the search cannot be cut; the search goes on without its answer."""
        return not isinstance(ready, SearchStep) and super().cut(ready)

    def _steps(self) -> Generator[SearchStep, None, int]:
        search = sunspec.search(self._block.models, self._registers, self._bases)
        try:
            at = next(search)
            while True:
                step = SearchStep(at, self._header(at).request(self.device.unit_id))
                yield step
                at = search.send(step.words)
        except StopIteration as found:
            address: int = found.value
            return address

    def _header(self, address: int) -> Block:
        return Block(HOLDING_REGISTERS, address, sunspec.HEADER, ())

    def _move_to(self, address: int) -> None:
        shift, self._address = address - self._block.address, address
        self.blocks = [
            self._ready(replace(block, address=block.address + shift)) for block in self.device.blocks
        ]

    def _ready(self, block: Block) -> ReadyBlock:
        ready = super()._ready(block)
        return PlacedBlock(
            ready.block, ready.request, ready.points, ready.is_slow, ready.plain, ready.rest, self._confirm
        )

    def _confirm(self) -> None:
        self._is_confirmed = True


def not_found(unit_id: int, models: Sequence[int], error: sunspec.NotFoundError) -> str:
    """Why a device is not the SunSpec device of its profile, in a sentence: 中文 / English."""
    bases, wanted = ", ".join(map(str, sunspec.BASES)), ", ".join(map(str, models))
    seen, last = ", ".join(map(str, error.models)) or "-", error.models[-1] if error.models else "-"
    zh, en = {
        "no_marker": (f"寄存器 {bases} 处都没有 SunS 标记", f"no marker SunS at register {bases}"),
        "no_model": (f"没有型号块 {wanted}，只有 {seen}", f"no block of model {wanted}, only {seen}"),
        "too_short": (f"型号块 {last} 太短", f"its block of model {last} is too short"),
        "broken_chain": (f"型号块链在 {seen} 之后中断", f"its chain of blocks breaks off after {seen}"),
    }[error.reason]
    return (
        f"地址 {unit_id} 不是模板所说的 SunSpec 设备：{zh}，请核对地址和模板"
        f" / unit {unit_id} is not the SunSpec device of its profile: {en}; check unit id and profile"
    )
