"""The gate in front of every route: sessions, same-origin checks and security headers, as one ASGI middleware.

Open without a session: the login page, static files, /healthz, and /metrics from this machine itself. Everything else
is refused before it reaches a page. Every request that changes something must come from our own pages (Origin), and
carries a token that routes check with ``checked_form``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.accounts import Accounts, Session
from runtime.addresses import is_loopback

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
SAFE_METHODS = {"GET", "HEAD"}
FORM_FIELDS_MAX, FORM_BYTES_MAX, FORM_S_MAX = 20, 64 * 1024, 10.0


def cookie_name(*, is_secure: bool) -> str:
    return "__Host-campus" if is_secure else "campus"


def form_token(key: bytes, session: Session | None) -> str:
    """A token for the forms of one page. It differs on every page, so that compression tells nothing about it."""
    nonce = secrets.token_hex(8)
    return f"{nonce}.{_form_mac(key, session, nonce)}"


def _form_mac(key: bytes, session: Session | None, nonce: str) -> str:
    whose = session.key if session else b"nobody"
    return hmac.new(key, whose + nonce.encode(), hashlib.sha256).hexdigest()


def is_form_token(key: bytes, session: Session | None, token: str) -> bool:
    nonce, _, mac = token.partition(".")
    return hmac.compare_digest(_form_mac(key, session, nonce).encode(), mac.encode())


async def checked_form(request: Request) -> FormData:
    """Dependency of every route that changes something: its form, once the token in it has been checked."""
    try:
        async with asyncio.timeout(FORM_S_MAX):
            form = await request.form(max_files=0, max_fields=FORM_FIELDS_MAX, max_part_size=FORM_BYTES_MAX)
    except TimeoutError as error:
        raise HTTPException(408, "form_expired") from error
    accounts: Accounts = request.app.state.accounts
    if not is_form_token(accounts.form_key, request.state.session, str(form.get("csrf", ""))):
        raise HTTPException(403, "form_expired")
    return form


class Gate:
    """See the module. ``is_secure`` when the pages are served by HTTPS."""

    def __init__(self, app: ASGIApp, accounts: Accounts, *, is_secure: bool) -> None:
        self._app, self._accounts, self._cookie, self._is_secure = (
            app,
            accounts,
            cookie_name(is_secure=is_secure),
            is_secure,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if self._is_secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        session = self._session(headers, str(scope["path"]))
        scope.setdefault("state", {})["session"] = session
        refusal = self._refusal(scope, headers, session)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _session(self, headers: Headers, path: str) -> Session | None:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return None
        if morsel is None or not morsel.value:
            return None
        return self._accounts.session(
            morsel.value, is_active=headers.get("x-live") != "idle" and path != "/events"
        )

    def _refusal(self, scope: Scope, headers: Headers, session: Session | None) -> Response | None:
        path, method = str(scope["path"]), str(scope["method"])
        if method not in SAFE_METHODS and not is_same_origin(headers):
            return JSONResponse({"error": "cross_origin", "detail": "request came from another site"}, 403)
        if session is not None or is_open(path) or (path == "/metrics" and is_from_here(scope, headers)):
            return None
        if method in SAFE_METHODS and "text/html" in headers.get("accept", "") and "x-live" not in headers:
            target = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
            where = "/login" if path == "/" else f"/login?next={quote(target, safe='')}"
            return RedirectResponse(where, 303)
        return JSONResponse({"error": "login_required", "detail": "log in first"}, 401)


def is_open(path: str) -> bool:
    return path in {"/login", "/healthz", "/favicon.ico"} or path.startswith("/static/")


def is_same_origin(headers: Headers) -> bool:
    """Origin names our own host; without one (old webviews), the fetch metadata must say so."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    return headers.get("sec-fetch-site") in {"same-origin", "none"}


def is_from_here(scope: Scope, headers: Headers) -> bool:
    """Whether somebody on this machine asks this machine by its own name; a page from elsewhere whose name was made to lead
    here does not."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]) or "x-forwarded-for" in headers:
        return False
    try:
        return is_loopback(urlsplit("//" + headers.get("host", "")).hostname or "")
    except ValueError:
        return False


def local_target(target: str) -> str:
    """Where to go after login: a path on this host, never elsewhere."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and "\n" not in target
    return target if is_local else "/"
