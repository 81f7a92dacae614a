"""The collector's side of the control socket. Knows connections and lines; handlers know what commands mean.

The socket is for the collector's own user alone (0600). Connections are bounded in number and in idle time, lines in
length. A socket file left by a killed collector is replaced; one that somebody answers on is not.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from gateway.control.protocol import LINE_MAX, Answer, Command, decode_command, encode
from gateway.errors import ControlError, GatewayError
from runtime import logs

Handler = Callable[[Command], Awaitable[dict[str, Any]]]

CONNECTIONS_MAX = 32
IDLE_S_MAX = 30.0  # real time; a client speaks at once or is gone

log = logs.get("control")


class ControlServer:
    """Use ``async with``, or ``run`` as a task that is cancelled at the end. ``handlers`` return after COMMIT; a
    ControlError of theirs is the answer to the person. Handlers keep the promise of the idempotency key.

    Plain sockets, as both asyncio's Server and ``sock_accept`` lose a connection that comes just when they end."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path, self._handlers = path, handlers
        self._listener: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled. Raises ControlError when the socket cannot be made."""
        async with self:
            await asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.to_thread(_listen, self._path)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, end every connection, take the socket file away."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            log.debug("control client left before it was served")
            return
        connection.setblocking(False)
        is_full = len(self._connections) >= CONNECTIONS_MAX
        task = asyncio.create_task(self._converse(connection, is_full))
        self._connections.add(task)
        task.add_done_callback(partial(self._ended, connection))

    def _ended(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        """Not within the task: one that is cancelled before its first step never gets there."""
        self._connections.discard(task)
        connection.close()

    async def _converse(self, connection: socket.socket, is_full: bool) -> None:
        try:
            if is_full:
                await _send(
                    connection,
                    encode(Answer(False, error="too many commands at once; try again in a moment")),
                )
            else:
                await self._serve(connection)
        except OSError:  # TimeoutError is one: a client that does not read its answer
            log.debug("control client left before its answer")

    async def _serve(self, connection: socket.socket) -> None:
        """Answer commands one after the other until the client leaves, idles or sends what is no command."""
        waiting = bytearray()
        while True:
            try:
                async with asyncio.timeout(IDLE_S_MAX):
                    line = await _line(connection, waiting)
            except TimeoutError:
                return
            if line is None:
                return
            if len(line) > LINE_MAX:
                await _send(
                    connection, encode(Answer(False, error=f"a command may have at most {LINE_MAX} bytes"))
                )
                return
            await _send(connection, await self._reply(line))

    async def _reply(self, line: bytes) -> bytes:
        try:
            return encode(Answer(True, result=await self._carry_out(decode_command(line))))
        except GatewayError as error:
            return encode(Answer(False, error=str(error)))
        except Exception:
            log.exception("control command failed")
            return encode(Answer(False, error="the collector failed on this command; its log says why"))

    async def _carry_out(self, command: Command) -> dict[str, Any]:
        handler = self._handlers.get(command.name)
        if handler is None:
            raise ControlError(
                f"there is no command {command.name!r}; known are {', '.join(sorted(self._handlers))}"
            )
        result = await handler(command)
        log.info(
            "control command",
            command=command.name,
            subject=command.subject,
            user=command.user,
            key=command.key,
        )
        return result


async def _line(connection: socket.socket, waiting: bytearray) -> bytes | None:
    """The next line, None when the client has left; what came beyond it stays in ``waiting``. A line with no end in
    sight is given out as soon as it is too long."""
    while b"\n" not in waiting and len(waiting) <= LINE_MAX:
        received = await asyncio.get_running_loop().sock_recv(connection, LINE_MAX)
        if not received:
            return None
        waiting += received
    length = waiting.find(b"\n") + 1 or len(waiting)
    line = bytes(waiting[:length])
    del waiting[:length]
    return line


async def _send(connection: socket.socket, line: bytes) -> None:
    async with asyncio.timeout(IDLE_S_MAX):
        await asyncio.get_running_loop().sock_sendall(connection, line)


def _listen(path: Path) -> socket.socket:
    """A bound socket that only our user may use. Raises ControlError when another process answers there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _remove_stale(path)
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect before listen()
        listener.listen(CONNECTIONS_MAX)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ControlError(
            f"the control socket {path} cannot be made: {error}; its folder must be writable and its path at most 107 bytes"
        ) from error
    except ControlError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise ControlError(f"another collector answers on {path}; stop it first")
