"""Serving the pages: one socket, one uvicorn server in our own loop, and a stop that no open page can hold up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from dashboard.accounts import Accounts, read_setup_token
from dashboard.app import create_app
from dashboard.fresh import FreshParts
from dashboard.seams import Parts, Views
from edge_config.site import LoadedSite
from gateway.errors import ConfigError
from gateway.query.reader import Reader
from runtime import logs
from runtime.stop import stop_event
from runtime.web import TimedHttp

CONNECTIONS_MAX = 400
SHUTDOWN_S = 1

log = logs.get("dashboard")


@dataclass(frozen=True, slots=True)
class Door:
    """Where the pages are served. ``port`` 0 takes a free one."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class Server(uvicorn.Server):
    """uvicorn without its signal handling: it would raise SIGTERM again and end the process before its clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(parts: Parts, door: Door, views_of: Callable[[LoadedSite], Views] | None = None) -> None:
    """Until SIGINT or SIGTERM. ``views_of`` is the door of a site with more devices; the buffer's when left out. Raises
    ConfigError when the port is taken or a file cannot be read."""
    listener = listen(door.host, door.port)
    accounts = Accounts(parts.database, parts.real_clock)
    link = login_link(parts, accounts, base_url(door, listener))
    fresh = FreshParts(parts, views_of or (lambda site: Reader(site, parts.clock)))
    app = create_app(parts, accounts=accounts, fresh=fresh)
    server = Server(configuration(app, door))
    if link:
        print(f"  登录 log in once: {link}", file=sys.stderr, flush=True)  # noqa: T201 - never into the log, which is kept
    stop = asyncio.create_task(_stop_on_signal(server, app.state.live.stop))
    try:
        await server.serve(sockets=[listener])
    finally:
        stop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stop
        listener.close()


async def _stop_on_signal(server: Server, stop_live: Callable[[], None]) -> None:
    await stop_event().wait()
    stop_live()  # first: uvicorn waits for streams before it ends the application's own tasks
    server.should_exit = True


def configuration(app: ASGIApp, door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=SHUTDOWN_S,
        ws="none",
        http=TimedHttp,
        ssl_certfile=door.certificate,
        ssl_keyfile=door.key,
    )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises ConfigError naming the address and the cure."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise ConfigError(
            f"the dashboard cannot listen on {host} port {port} ({why}); another program holds it or the address is not this "
            "machine's: end that program, or choose another with --port or dashboard.port in the site file"
        ) from error


def base_url(door: Door, listener: socket.socket) -> str:
    scheme = "https" if door.certificate else "http"
    host = f"[{door.host}]" if ":" in door.host else door.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


def login_link(parts: Parts, accounts: Accounts, base: str) -> str | None:
    """The one-time link to print, when nobody has a password yet. A token from a file is known to who wrote it."""
    if parts.setup_token_file is not None:
        accounts.issue_setup_token(read_setup_token(parts.setup_token_file))
        return None
    if not accounts.needs_setup():
        return None
    return f"{base}/login?token={accounts.issue_setup_token()}"
