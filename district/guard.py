"""What stands around every route: headers that every answer carries, whatever wrote it (PROMISES S8: nothing inline, nothing
from elsewhere, no frame), and targets in the one form that routes know."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from district.contract import Fault, Problem
from district.refusal import STATUS
from runtime.addresses import is_loopback

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """ASGI middleware; outermost, so that errors carry the headers too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


class OriginForm:
    """ASGI middleware. RFC 9112, 3.2.2: a server must take ``POST http://district/v1/batches``, too, which is what a client
    sends that believes us to be its proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].lower().startswith(("http://", "https://")):
            path = "/" + scope["path"].partition("://")[2].partition("/")[2]
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        await self._app(scope, receive, send)


FOR_ALL = ("/v1/batches", "/v1/enrolments", "/healthz", "/v1/openapi.json")
ONLY_HERE = (
    "pages and figures are for this machine itself: open http://127.0.0.1 with the district's port, or start it with "
    "--allow-remote-pages and put a login in front"
)


class OwnPages:
    """ASGI middleware: what has no login is for this machine's own people, by this machine's own name.

    A page from elsewhere in a browser here may have its name lead to 127.0.0.1 and would read all schools then, and a proxy
    here that hands on everything would show them to everybody. The one calls us by another name, the other says for whom."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in FOR_ALL and not is_from_here(scope):
            problem = Problem(error=Fault.FORBIDDEN, detail=ONLY_HERE)
            refused = JSONResponse(problem.model_dump(mode="json"), STATUS[Fault.FORBIDDEN])
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_from_here(scope: Scope) -> bool:
    """Whether somebody on this machine asks this machine. ``client`` is what a proxy here says in X-Forwarded-For."""
    client, headers = scope.get("client"), Headers(scope=scope)
    if client is None or not is_loopback(client[0]) or "forwarded" in headers or "x-forwarded-for" in headers:
        return False
    try:
        return is_loopback(urlsplit("//" + headers.get("host", "")).hostname or "")
    except ValueError:
        return False
