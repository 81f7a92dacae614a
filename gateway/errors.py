"""One error tree. The class says whether trying again can help; the message says what to do."""

from __future__ import annotations

import sqlite3


class GatewayError(Exception):
    """Root of what this gateway raises on purpose."""


class ConfigError(GatewayError):
    """The site file or a file it names is wrong; trying again does not help."""


class StoreError(GatewayError):
    """The buffer cannot be written or read; the outcome of the last commit is unknown."""


class StoreLockedError(StoreError):
    """Another collector holds this buffer."""


class DamagedBufferError(StoreError, sqlite3.DatabaseError):
    """What is stored contradicts itself or its checksums; the file must be set aside. A database error too: whoever retries a
    failed commit sees it as one."""


class DamagedRowError(StoreError):
    """A row a reader met is not as it was written; the writer mends it or takes it out (``store.scrub.mend``)."""

    def __init__(self, table: str, key: tuple[object, ...]) -> None:
        super().__init__(f"a row of table {table} is not as it was written: {key!r}")
        self.table, self.key = table, key


class RenewedError(StoreError):
    """The buffer is another file, or another epoch, than the one that was opened; open it again."""


class NewerSchemaError(StoreError):
    """The buffer was written by a newer version of the gateway; it is left untouched."""


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


class WrongDeviceError(WireError):
    """A device answers at this unit id, and is not the one its profile describes."""


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
