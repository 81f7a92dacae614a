"""One error tree. The class says whether trying again can help; the message says what to do."""

from __future__ import annotations


class GatewayError(Exception):
    """Root of what this gateway raises on purpose."""


class ConfigError(GatewayError):
    """The site file or a file it names is wrong; trying again does not help."""


class StoreError(GatewayError):
    """The buffer cannot be written or read; the outcome of the last commit is unknown."""


class StoreLockedError(StoreError):
    """Another collector holds this buffer."""


class WireError(GatewayError):
    """A bus or broker did not give a usable answer."""


class NoAnswerError(WireError):
    """Nothing came back in time, or nobody is connected; a later try may succeed."""


class NotConnectedError(NoAnswerError):
    """The bus itself cannot be opened or reached, so that no device on it can be judged."""


class RefusedError(WireError):
    """The device answered that it will not: a Modbus exception. ``code`` is the exception code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class NonsenseError(WireError):
    """An answer came that cannot be true: wrong unit, function, length or checksum."""


class UplinkError(GatewayError):
    """An upload was not accepted. Nothing is lost: the cursor has not moved."""


class ControlError(GatewayError):
    """A command of staff was refused; the message is for the person who gave it."""


class CollectorAwayError(ControlError):
    """Nobody answered on the control socket, or not in time. A later try under the same key may succeed, and is safe."""


class QueryError(GatewayError):
    """A question to the buffer cannot be answered as it was asked; the message says what would be right."""


class QueryTimeoutError(QueryError):
    """The answer took longer than the reader's deadline; ask for less, or again."""
