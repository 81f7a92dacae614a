"""Running the service in a process: the socket, uvicorn inside our own loop, an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from district import hub
from district.app import create_app
from district.queue.setting import QueueSetting
from district.refusal import DistrictError
from district.relay.limits import WAITING_MIB
from district.relay.outbox import Onward
from district.relay.running import Upstream, onward_of, relaying
from district.service import Service
from district.store.database import DatabaseTrouble, open_database
from runtime import logs
from runtime.addresses import is_loopback, without_secrets
from runtime.clock import Clock
from runtime.stop import stop_event
from runtime.web import TimedHttp

CONNECTIONS_MAX = 100
KEEP_ALIVE_S = 15
GRACE_S = 1
"""What a request in flight gets to end; with the tick of uvicorn's loop a stop takes less than 2 s."""


@dataclass(frozen=True, slots=True)
class Settings:
    database: Path | str
    host: str = "127.0.0.1"
    port: int = 0
    remote_pages: bool = False
    upstreams: tuple[Upstream, ...] = ()
    waiting_mib: int = WAITING_MIB
    queue: QueueSetting | None = None
    """The cluster that batches go through; None: they have their effect at once."""
    is_hub: bool = False
    """For the gateways of one campus, whose own pages read the database."""

    def is_alone(self, service: Service) -> bool:
        """No other process writes this database."""
        return service.database.writers == 1 and self.queue is None

    @property
    def with_pages(self) -> bool:
        return self.remote_pages or is_loopback(self.host)

    @property
    def onward(self) -> Onward | None:
        return onward_of(self.upstreams, self.waiting_mib)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``host`` is an IPv4 or IPv6 address or a name. Raises DistrictError naming the cure."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = family == socket.AF_INET6 and address[0] == "::"
        listener = socket.create_server(address, family=family, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DistrictError(
                f"port {port} on {host} is in use; stop the program that holds it or choose another with --port"
            ) from error
        raise DistrictError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host and --port"
        ) from error
    # asyncio sets this only where it made the socket; without it every receipt waits 40 ms for a delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def app_of(service: Service, settings: Settings) -> ASGIApp:
    """Pages for this machine alone, unless somebody has said that a login stands in front."""
    return create_app(service, with_pages=settings.with_pages, pages_stay_here=not settings.remote_pages)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would raise SIGTERM again after its end and skip every ``finally``."""
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve ``app`` on ``listener`` inside the block."""
    server = _Server(
        uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, server_header=False, ws="none",
            limit_concurrency=CONNECTIONS_MAX, timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S, http=TimedHttp,
        )
    )  # fmt: skip
    task = asyncio.create_task(server.serve([listener]), name="district-web")
    try:
        yield
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def service_of(settings: Settings, clock: Clock) -> AsyncIterator[Service]:
    """The service the settings ask for; one that queues has its connection for as long as the block lasts."""
    if settings.queue is None:
        with contextlib.closing(Service(settings.database, clock, settings.onward)) as service:
            yield service
        return
    from district.queue.running import queued

    async with queued(settings.database, clock, settings.queue, settings.onward) as service:
        yield service


async def serve(settings: Settings, clock: Clock) -> None:
    """Serve until SIGINT or SIGTERM. Raises DistrictError when the port or the database cannot be had."""
    stop = stop_event()
    if settings.is_hub:
        _become_hub(settings.database, clock)
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        async with (
            service_of(settings, clock) as service,
            relaying(service, settings.upstreams, is_alone=settings.is_alone(service)),
            serving(app_of(service, settings), listener),
        ):
            port = listener.getsockname()[1]
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            logs.get("district").info(
                "district is listening", url=f"http://{host}:{port}", pages=settings.with_pages
            )
            await stop.wait()


def _become_hub(where: Path | str, clock: Clock) -> None:
    with contextlib.closing(open_database(where)) as database:
        try:
            site = hub.take_role(database, clock.now_ms())
        except DatabaseTrouble as error:
            raise DistrictError(f"the database did not take the role of a hub: {error}; try again") from error
    logs.get("district").info("this is a hub", site=site)


async def consume(settings: Settings, queue: QueueSetting, clock: Clock) -> None:
    """Take from the queue into the database, until SIGINT or SIGTERM. Raises DistrictError when either cannot be had."""
    from district.queue.running import consuming

    stop = stop_event()
    with contextlib.closing(Service(settings.database, clock, settings.onward)) as service:
        async with (
            relaying(service, settings.upstreams),
            consuming(service, queue),
        ):
            logs.get("district").info(
                "district consumes", servers=[without_secrets(server) for server in queue.servers]
            )
            await stop.wait()
