"""``/healthz`` and Prometheus ``/metrics`` for a process that has no web framework of its own.

A standard-library WSGI server on its own thread: it answers while the event loop is busy, and says so when the
loop's ``report`` finds something wrong. Processes with a web framework mount ``metrics_text`` instead.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says of itself; ``problems`` empty means it is well."""

    problems: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        status = "fail" if self.problems else "ok"
        return json.dumps(
            {"status": status, "problems": list(self.problems), **self.facts}, ensure_ascii=False
        ).encode()


DEADLINE_S = 10.0
"""From a connection to the end of its answer: a client that says a byte now and then must not hold the only thread."""
HEADERS = [("Server", "campus-gateway"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
"""The first stands in place of the versions of Python and its server."""


class _QuietHandler(WSGIRequestHandler):
    timeout = 5  # a stalled client must not hold the only thread

    def setup(self) -> None:
        super().setup()
        self._end = threading.Timer(DEADLINE_S, self._hang_up)
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        self._end.join()
        super().finish()

    def _hang_up(self) -> None:
        with suppress(OSError):  # the client was gone first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Access lines of a health probe are noise."""


class HealthServer:
    """Serves /healthz and /metrics on ``host:port`` until ``close``. Raises OSError when the port is taken."""

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, report: Callable[[], Health]
    ) -> None:
        self._registry, self._report = registry, report
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server_class = type("Server", (WSGIServer,), {"address_family": family})
        self._server: WSGIServer = make_server(host, port, self._respond, server_class, _QuietHandler)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        )
        self._thread.start()

    def _respond(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), *HEADERS])
            return [generate_latest(self._registry)]
        if environ["PATH_INFO"] == "/healthz":
            health = self._report()
            start(
                "503 Service Unavailable" if health.problems else "200 OK",
                [("Content-Type", "application/json"), *HEADERS],
            )
            return [health.body()]
        start("404 Not Found", [("Content-Type", "text/plain"), *HEADERS])
        return [b"not found; try /healthz or /metrics\n"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
