"""The seams between wires and the gateway: what a wire gives, and where its readings go.

``Exchange`` and ``Delivery`` are all a simulation has to replace; everything above them is shipped code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from gateway.model import Readings


class Exchange(Protocol):
    """One bus. ``request`` is unit id, function code, address and count (PDU with its unit, no checksum or header)."""

    async def exchange(self, request: bytes) -> bytes:
        """The reply in the same form. Raises NoAnswerError, RefusedError or NonsenseError."""
        ...

    async def close(self) -> None: ...


class Delivery(NamedTuple):
    """One message of a broker. ``ack`` sends the PUBACK and is called once, after COMMIT (or when the message is refused)."""

    topic: str
    payload: bytes
    retained: bool
    ack: Callable[[], None]


class Sink(Protocol):
    """The ingest door as sources see it."""

    async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
        """Hand over decoded readings in the groups they came in: a block, a message, or one reading with a time or quality
        of its own. Waits while the door is full. ``accepted`` is called on the loop after COMMIT."""
        ...

    def reject(self, subject: str, reason: str, example: str) -> None:
        """Count something that never became a reading: ``subject`` is a point, device or broker id."""
        ...

    def device_state(self, device: str, state: str, detail: str) -> None:
        """online, suspect or offline, and why in words an installer can act on. Repeats are cheap."""
        ...

    def hurry(self) -> None:
        """A source can send no more until what it offered is accepted: commit now, not at the interval's end."""
        ...
