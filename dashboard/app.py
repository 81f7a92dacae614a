"""Composition of the dashboard: one FastAPI application made of parts that are handed in.

Pages are plain functions and run on worker threads, so that a slow query never stops the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import generate_latest
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from dashboard import adopting, assets, people
from dashboard.accounts import Accounts
from dashboard.desk import Desk
from dashboard.fresh import FreshParts
from dashboard.gate import SECURITY_HEADERS, Gate
from dashboard.live import Live
from dashboard.pages import air, alarms, canteen, devices, disinfection, energy, overview, upload, water
from dashboard.render import desk_of, environment, language_of, message, page, shell
from dashboard.seams import Parts
from dashboard.throttle import Throttle
from gateway.errors import GatewayError
from runtime import logs

Build = Callable[[Desk], dict[str, Any]]
PAGES: dict[str, tuple[str, Build]] = {
    "/": ("overview", overview.build),
    "/energy": ("energy", energy.build),
    "/water": ("water", water.build),
    "/air": ("air", air.build),
    "/canteen": ("canteen", canteen.build),
    "/disinfection": ("disinfection", disinfection.build),
    "/alarms": ("alarms", alarms.build),
    "/devices": ("devices", devices.build),
    "/upload": ("upload", upload.build),
}

log = logs.get("dashboard")


def create_app(
    parts: Parts,
    *,
    accounts: Accounts | None = None,
    live: Live | None = None,
    fresh: FreshParts | None = None,
) -> FastAPI:
    """The application; ``fresh`` lets adopted devices join its parts.

    ``app.state.live.stop()`` must be called before the server waits for its connections."""
    accounts = accounts or Accounts(parts.database, parts.real_clock)
    app = FastAPI(
        title="Campus Gateway dashboard",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        middleware=[
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
            Middleware(Gate, accounts=accounts, is_secure=parts.is_secure),
        ],
    )
    app.state.parts, app.state.accounts, app.state.fresh = parts, accounts, fresh
    app.state.live = live or Live(parts.views.change_token)
    app.state.assets, app.state.environment = assets.load(), environment()
    app.state.throttle = Throttle(parts.real_clock)
    app.state.hashing = asyncio.Semaphore(1)  # argon2 takes 19 MiB: one at a time
    _metrics(app)
    _page_routes(app)
    _service_routes(app)
    people.routes(app)
    adopting.routes(app)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(404, _refused)
    app.add_exception_handler(GatewayError, _no_data)
    app.add_exception_handler(Exception, _broken)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    live: Live = app.state.live
    task = asyncio.create_task(live.run())
    try:
        yield
    finally:
        live.stop()
        await task
        app.state.accounts.close()


def _page_routes(app: FastAPI) -> None:
    for path, (name, build) in PAGES.items():
        app.add_api_route(
            path, _page_route(name, build), methods=["GET"], name=name, response_class=HTMLResponse
        )


def _page_route(name: str, build: Build) -> Callable[[Request], HTMLResponse]:
    def show(request: Request) -> HTMLResponse:
        began = time.perf_counter()
        with desk_of(request) as desk:
            values = {"page": name, "desk": desk, **shell(desk), **build(desk)}
        answer = page(request, f"{name}.html", values)
        request.app.state.page_seconds.labels(name).observe(time.perf_counter() - began)
        return answer

    return show


def _service_routes(app: FastAPI) -> None:
    @app.get("/events")
    async def events(request: Request, seen: str = "") -> Response:
        live: Live = request.app.state.live
        if live.is_full:
            return PlainTextResponse("too many open pages\n", 503, {"Retry-After": "60"})
        return StreamingResponse(
            live.stream(seen), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok", "problems": []})

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        answer: Response = request.app.state.assets.response(name, request)
        return answer

    @app.get("/favicon.ico")
    async def favicon(request: Request) -> Response:
        answer: Response = request.app.state.assets.response("icon.svg", request)
        return answer


def _metrics(app: FastAPI) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    app.state.registry = registry
    app.state.page_seconds = Histogram(
        "campus_dashboard_page_seconds", "Time to build a page", ["page"], registry=registry,
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    )  # fmt: skip
    app.state.logins = Counter("campus_dashboard_logins", "Logins by result", ["result"], registry=registry)
    clients = Gauge("campus_dashboard_live_clients", "Pages that listen for changes", registry=registry)
    clients.set_function(lambda: app.state.live.clients)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    key = (
        detail
        if language_of(request).has(f"message.{detail}.title")
        else "not_found"
        if status == 404
        else "refused"
    )
    return message(request, status, key)


async def _no_data(request: Request, error: Exception) -> Response:
    """The data cannot be read: they are not there yet, or are held for too long. Say so and try again by itself."""
    log.warning("a page could not be read", path=request.url.path, error=str(error))
    parts: Parts = request.app.state.parts
    answer = message(request, 503, "no_hub_data" if parts.is_hub else "no_data")
    answer.headers["Refresh"] = "3"
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    """The server logs the trace itself; this answer goes out beside the gate, hence carries the headers by itself."""
    del error
    answer = message(request, 500, "broken")
    answer.headers.update(SECURITY_HEADERS | {"Cache-Control": "no-store"})
    return answer
