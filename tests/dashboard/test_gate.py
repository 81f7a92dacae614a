"""Who gets in (S1, S3, S6, S7), and what every answer carries (S8, S26)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from dashboard.app import PAGES
from dashboard.gate import SECURITY_HEADERS, is_form_token, local_target
from dashboard.seams import Parts
from tests.dashboard.campus import Campus, Collected, StillClock
from tests.dashboard.forms import token_of

ORIGIN = {"origin": "http://127.0.0.1:8600"}
OPEN = {"/login", "/healthz", "/static/{name:path}", "/favicon.ico"}
CANDIDATES = ("/devices/adopt", "/devices/dismiss")


def routes(app: FastAPI) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute)]


def test_s1_s3_every_route_but_the_open_ones_needs_a_session(app: FastAPI, stranger: TestClient) -> None:
    for route in routes(app):
        if route.path in OPEN:
            continue
        for method in route.methods or ():
            answer = stranger.request(method, route.path, headers=ORIGIN | {"accept": "application/json"})
            assert answer.status_code == 401, (method, route.path)


def test_a_browser_without_a_session_is_led_to_the_login_page_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/energy?p=week")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fenergy%3Fp%3Dweek"


@pytest.mark.parametrize(
    "path",
    [*PAGES, "/account", "/login", "/nowhere", "/static/app.css", "/static/none", "/healthz", "/metrics"],
)
def test_s8_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value, (path, name)
    assert "unsafe" not in answer.headers["content-security-policy"]
    if not path.startswith("/static/app"):
        assert answer.headers["cache-control"] == "no-store"


def test_s26_a_page_that_fails_says_so_without_a_trace_and_with_the_headers(
    parts: Parts, app: FastAPI, campus: Campus
) -> None:
    def explode() -> None:
        raise RuntimeError("secret detail")

    campus.overview = explode  # type: ignore[method-assign, assignment]
    with TestClient(
        app, base_url="http://127.0.0.1:8600", follow_redirects=False, raise_server_exceptions=False
    ) as client:
        client.get("/login", params={"token": app.state.accounts.issue_setup_token()})
        answer = client.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]


def test_s1_the_one_time_link_leads_straight_to_the_overview_and_is_then_dead(
    app: FastAPI, stranger: TestClient
) -> None:
    token = app.state.accounts.issue_setup_token()
    first = stranger.get("/login", params={"token": token})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    assert stranger.get("/login", params={"token": token}).status_code == 403
    app.state.accounts.issue_setup_token(token)  # the same file at the next start does not revive it
    assert stranger.get("/login", params={"token": token}).status_code == 403


def test_s7_what_changes_something_must_come_from_our_own_page_with_its_token(
    app: FastAPI, client: TestClient, commands: Collected
) -> None:
    changing = [route.path for route in routes(app) if "POST" in (route.methods or ())]
    assert set(changing) == {"/login", "/logout", "/account/password", "/alarms/acknowledge", *CANDIDATES}
    form = {"csrf": token_of(client.get("/").text), "event_id": "e1", "key": "0" * 32}
    for path in changing:
        assert client.post(path, data=form).status_code == 403, path
        assert client.post(path, data=form, headers={"origin": "http://evil.example"}).status_code == 403, (
            path
        )
        assert client.post(path, data=form | {"csrf": "x.y"}, headers=ORIGIN).status_code == 403, path
        assert client.post(path, data=form | {"csrf": ""}, headers=ORIGIN).status_code == 403, path
    assert commands.given == []


def test_s7_the_form_token_of_another_session_is_worthless(app: FastAPI, client: TestClient) -> None:
    token = token_of(client.get("/").text)
    client.get("/login", params={"token": app.state.accounts.issue_setup_token()})
    answer = client.post("/logout", data={"csrf": token}, headers=ORIGIN)
    assert answer.status_code == 403
    assert not is_form_token(app.state.accounts.form_key, None, token)


def test_s6_logout_ends_the_session_for_good(client: TestClient) -> None:
    cookie = client.cookies["campus"]
    assert (
        client.post("/logout", data={"csrf": token_of(client.get("/").text)}, headers=ORIGIN).status_code
        == 303
    )
    client.cookies.set("campus", cookie)
    assert client.get("/").status_code == 303


def test_s17_metrics_are_for_this_machine_or_a_session(app: FastAPI, client: TestClient) -> None:
    assert "campus_dashboard_page_seconds" in client.get("/metrics").text
    client.cookies.clear()
    assert client.get("/metrics").status_code in {303, 401}
    local = TestClient(app, base_url="http://127.0.0.1:8600", client=("::1", 5000))
    assert local.get("/metrics").status_code == 200
    for headers in ({"host": "evil.example:8600"}, {"x-forwarded-for": "192.0.2.7"}, {"host": "[::1"}):
        assert local.get("/metrics", headers=headers).status_code == 401, headers


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\n", ""]
)
def test_s7_login_never_leads_to_another_site(target: str) -> None:
    assert local_target(target) == "/"


def test_a_page_that_only_refreshes_itself_does_not_keep_the_session_alive(
    client: TestClient, clock: StillClock
) -> None:
    for _ in range(3):
        clock.steady_s += 20 * 60
        assert client.get("/").status_code == 200
    for _ in range(2):
        clock.steady_s += 16 * 60
        last = client.get("/", headers={"x-live": "idle"})
    assert last.status_code == 401


def test_s6_a_session_ends_after_twelve_hours_whatever_the_wall_clock_says(
    client: TestClient, clock: StillClock
) -> None:
    clock.wall_ms += 86_400_000
    assert client.get("/").status_code == 200
    clock.wall_ms -= 3 * 86_400_000
    for _ in range(12 * 3 - 1):
        clock.steady_s += 20 * 60
        assert client.get("/healthz").status_code == 200
        assert client.get("/alarms").status_code == 200
    clock.steady_s += 20 * 60
    assert client.get("/").status_code == 303


async def test_s20_a_form_that_never_gets_whole_is_not_waited_for(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.gate.FORM_S_MAX", 0.05)

    async def endless() -> AsyncIterator[bytes]:
        yield b"csrf="
        await asyncio.get_running_loop().create_future()

    transport = httpx2.ASGITransport(app=app)
    async with (
        asyncio.timeout(60),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8600") as stranger,
    ):
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await stranger.post("/login", content=endless(), headers=ORIGIN | kind)
    assert answer.status_code == 408


@pytest.mark.parametrize(
    "content", [b"password=" + b"x" * 70_000, b"&".join([b"a=b"] * 30)], ids=["long", "many"]
)
def test_s20_a_form_is_bounded_before_anybody_is_logged_in(stranger: TestClient, content: bytes) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert stranger.post("/login", content=content, headers=ORIGIN | kind).status_code == 400
