"""Turns a page's values into HTML: the Jinja environment, what every page shares, and the answer with its cookies."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import URL

from dashboard.accounts import Accounts, Session
from dashboard.assets import Assets
from dashboard.desk import HUB_STALE_MS, STALE_MS, Desk
from dashboard.gate import form_token
from dashboard.language import CODES, Language, choose
from dashboard.live import stamp
from dashboard.seams import Parts
from gateway.query.views import Activity

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")
YEAR_S = 365 * 86400
STRANGERS_MAX = 5


@dataclass(frozen=True, slots=True)
class Nav:
    """An entry of the rail. ``on_phone`` ones sit in the bottom bar too."""

    name: str
    path: str
    icon: str
    on_phone: bool = False


RAIL = (
    Nav("overview", "/", "home", on_phone=True),
    Nav("alarms", "/alarms", "bell", on_phone=True),
    Nav("energy", "/energy", "bolt"),
    Nav("water", "/water", "drop"),
    Nav("air", "/air", "wind", on_phone=True),
    Nav("canteen", "/canteen", "snow", on_phone=True),
    Nav("disinfection", "/disinfection", "shield"),
    Nav("devices", "/devices", "chip"),
    Nav("upload", "/upload", "upload"),
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest reading is, in words. ``state`` ok, stale (older than 5 minutes) or empty."""

    state: str
    at: str
    iso: str
    age: str


def environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("dashboard", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["json_text"] = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    env.globals["token"] = lambda: secrets.token_hex(16)
    return env


def language_of(request: Request) -> Language:
    return choose(request.query_params.get("lang"), request.cookies.get("lang"))


def theme_of(request: Request) -> Theme:
    for asked in (request.query_params.get("theme"), request.cookies.get("theme")):
        for theme in THEMES:
            if asked == theme:
                return theme
    return "auto"


@contextmanager
def desk_of(request: Request) -> Iterator[Desk]:
    """A desk on which every answer is of the same moment."""
    fresh = request.app.state.fresh
    if fresh is not None:
        request.app.state.parts = fresh.now()
    parts: Parts = request.app.state.parts
    seen = stamp(parts.views.change_token())  # before the moment, so that what comes after it is heard of
    with parts.views.at_one_moment() as views:
        yield Desk(parts.site, views, language_of(request), parts.clock.now_ms(), request.query_params, seen)


def freshness(desk: Desk, data_at: int | None) -> Freshness:
    if data_at is None:
        return Freshness("empty", "", "", "")
    age = desk.now_ms - data_at
    return Freshness(
        "stale" if age > (STALE_MS if desk.hub is None else HUB_STALE_MS) else "ok",
        desk.times.stamp(data_at),
        desk.times.iso(data_at),
        desk.times.span(age),
    )


def progress(activity: Activity | None) -> dict[str, Any] | None:
    """The banner of something long, such as a replay of history."""
    if activity is None or activity.total <= 0:
        return None
    return {"kind": activity.kind, "pct": min(100, activity.done * 100 // activity.total)}


def page(request: Request, template: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    """Render ``template``. Remembers a language or theme that the address asks for."""
    accounts: Accounts = request.app.state.accounts
    assets: Assets = request.app.state.assets
    session: Session | None = getattr(request.state, "session", None)  # unset when the gate itself failed
    language, theme = language_of(request), theme_of(request)
    html = request.app.state.environment.get_template(template).render(
        t=language,
        theme=theme,
        site_name=request.app.state.parts.site.file.site.name,
        session=session,
        csrf=form_token(accounts.form_key, session),
        assets=assets,
        rail=RAIL,
        here=request.url.path,
        here_full=_relative(request.url),
        link=lambda **changes: _relative(request.url.include_query_params(**changes)),
        **values,
    )
    response = HTMLResponse(html, status)
    for name, value, allowed in (("lang", language.code, CODES), ("theme", theme, THEMES)):
        if request.query_params.get(name) in allowed:
            secure = request.app.state.parts.is_secure
            response.set_cookie(name, value, max_age=YEAR_S, samesite="lax", httponly=True, secure=secure)
    return response


def _relative(url: URL) -> str:
    return url.path + (f"?{url.query}" if url.query else "")


def shell(desk: Desk) -> dict[str, Any]:
    """What surrounds every page: the age of the data, what is running, how many alarms are open."""
    return {
        "seen": desk.seen,
        "hub": hub_card(desk),
        "freshness": freshness(desk, _data_at(desk)),
        "progress": progress(desk.views.activity()),
        "alarm_count": len(desk.views.alarms("open")),
    }


def hub_card(desk: Desk) -> dict[str, Any] | None:
    """Whose data a campus page shows, how far each gateway's reaches, and what is in no figure."""
    if desk.hub is None:
        return None
    words, times = desk.language, desk.times
    lines = [
        words("hub.never", gateway=one.gateway)
        if one.data_at is None
        else words("hub.gateway", gateway=one.gateway, at=times.stamp(one.data_at))
        for one in desk.hub.gateways
    ]
    shown = words("comma").join(desk.hub.strangers[:STRANGERS_MAX])
    return {"lines": lines, "strangers": len(desk.hub.strangers), "shown": shown}


def _data_at(desk: Desk) -> int | None:
    if desk.hub is not None:
        return desk.hub.data_at
    return max((one.measured_at for one in desk.views.latest() if one.measured_at is not None), default=None)


def message(request: Request, status: int, key: str, detail: str = "") -> HTMLResponse:
    """A page with one sentence, for what could not be done."""
    language = language_of(request)
    values = {"title": language(f"message.{key}.title"), "text": detail or language(f"message.{key}.text")}
    return page(request, "message.html", {"page": "message", **values}, status=status)
