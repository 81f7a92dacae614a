"""Logging in with a password, guessing (S4, S5), and acknowledging alarms (S2)."""

from __future__ import annotations

import asyncio
import re

import httpx2
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard import known
from dashboard.accounts import Accounts
from gateway.errors import CollectorAwayError, ControlError
from tests.dashboard.campus import Collected, StillClock
from tests.dashboard.forms import token_of

ORIGIN = {"origin": "http://127.0.0.1:8600"}
PASSWORD = "长长的密码 with spaces 64+ " + "x" * 40


def set_password(client: TestClient, name: str = "chen", password: str = PASSWORD, **more: str) -> int:
    form = {
        "csrf": token_of(client.get("/account").text),
        "name": name,
        "password": password,
        "again": password,
    }
    return client.post("/account/password", data=form | more, headers=ORIGIN).status_code


def log_in(client: TestClient, name: str, password: str) -> int:
    form = {"csrf": token_of(client.get("/login").text), "name": name, "password": password, "next": "/air"}
    return client.post("/login", data=form, headers=ORIGIN).status_code


def test_a_password_once_set_lets_its_owner_in_and_nobody_else(client: TestClient) -> None:
    assert set_password(client) == 303
    client.cookies.clear()
    assert log_in(client, "chen", "wrong password") == 401
    assert log_in(client, "admin", PASSWORD) == 401
    assert log_in(client, "chen", PASSWORD) == 303
    assert client.get("/").status_code == 200


def test_setting_a_password_ends_every_other_session(app: FastAPI, client: TestClient) -> None:
    old = client.cookies["campus"]
    assert set_password(client) == 303
    assert client.cookies["campus"] != old
    client.cookies.clear()
    client.cookies.set("campus", old)
    assert client.get("/").status_code == 303


def test_s5_a_password_is_changed_only_with_the_old_one(client: TestClient) -> None:
    assert set_password(client) == 303
    assert set_password(client, password="another one", old="guess") == 400
    assert set_password(client, password="another one", old=PASSWORD) == 303


def test_short_or_unequal_passwords_and_odd_names_are_refused_with_the_reason(client: TestClient) -> None:
    assert set_password(client, password="short") == 400
    assert set_password(client, again="something else") == 400
    assert set_password(client, name="<b>") == 400


def test_s4_guessing_is_slowed_down_and_the_right_password_waits_its_turn(
    client: TestClient, clock: StillClock
) -> None:
    set_password(client)
    client.cookies.clear()
    assert [log_in(client, "chen", "guess") for _ in range(5)] == [401] * 5
    assert log_in(client, "chen", PASSWORD) == 429
    clock.steady_s += 3
    assert log_in(client, "chen", PASSWORD) == 303


def test_s4_strangers_who_guess_do_not_lock_out_a_browser_that_was_logged_in_before(
    app: FastAPI, client: TestClient
) -> None:
    set_password(client)
    assert client.cookies["campus-known"]
    client.cookies.delete("campus")
    stranger = TestClient(app, base_url="http://127.0.0.1:8600", client=("192.0.2.7", 5000))
    stranger.follow_redirects = False
    assert [log_in(stranger, "chen", "guess") for _ in range(6)] == [401] * 5 + [429]
    assert log_in(stranger, "chen", PASSWORD) == 429
    assert log_in(client, "chen", PASSWORD) == 303


def test_s4_a_known_browser_waits_for_its_own_guesses(client: TestClient) -> None:
    set_password(client)
    client.cookies.delete("campus")
    assert [log_in(client, "chen", "guess") for _ in range(6)] == [401] * 5 + [429]


def test_s4_the_mark_of_a_known_browser_is_for_one_account_and_cannot_be_made_up(app: FastAPI) -> None:
    key = app.state.accounts.form_key
    cookie = known.new_cookie(key, "chen")
    assert known.nonce_in(key, "chen", cookie) == cookie.partition(".")[0]
    assert known.nonce_in(key, "wang", cookie) is None
    assert known.nonce_in(bytes(32), "chen", cookie) is None
    assert known.nonce_in(key, "chen", "0" * 32 + cookie[32:]) is None
    assert known.nonce_in(key, "chen", "") is None


def test_s5_an_unknown_name_costs_as_much_as_a_wrong_password_and_gets_the_same_answer(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_password(client)
    client.cookies.clear()
    tried: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        tried.append(stored.rpartition("$")[0].rpartition("$")[0])
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    answers = []
    for name in ("chen", "nobody"):
        form = {"csrf": token_of(client.get("/login").text), "name": name, "password": "guess"}
        answer = client.post("/login", data=form, headers=ORIGIN)
        answers.append((answer.status_code, re.sub(r'value="[^"]*"', "", answer.text)))
    assert answers[0] == answers[1]
    assert len(tried) == 2
    assert tried[0] == tried[1]  # of the same cost
    assert tried[0].startswith("$argon2id$")


def test_s6_a_session_that_somebody_else_planted_is_not_taken_over(client: TestClient) -> None:
    set_password(client)
    client.cookies.clear()
    planted = "planted-by-somebody-who-waits-for-the-login"
    client.cookies.set("campus", planted)
    assert client.get("/").status_code == 303
    assert log_in(client, "chen", PASSWORD) == 303
    client.cookies.clear()
    client.cookies.set("campus", planted)
    assert client.get("/").status_code == 303


async def test_s4_many_guesses_at_once_are_counted_one_by_one(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []

    def check(self: Accounts, name: str, password: str) -> bool:
        del self, name
        judged.append(password)
        return False

    monkeypatch.setattr(Accounts, "check_password", check)
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 5000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8600") as stranger:
        form = {"csrf": token_of((await stranger.get("/login")).text), "name": "chen"}
        guesses = [
            stranger.post("/login", data=form | {"password": str(n)}, headers=ORIGIN) for n in range(50)
        ]
        answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert len(judged) == 5
    assert sorted(answers) == [401] * 5 + [429] * 45


def test_s4_ten_thousand_guesses_an_hour_are_at_most_a_hundred_tries(
    app: FastAPI, client: TestClient, clock: StillClock
) -> None:
    throttle, tries = app.state.throttle, 0
    for n in range(10_000):
        clock.steady_s += 0.36
        keys = ("user chen", f"from 192.0.2.{n % 250}")
        if throttle.wait_s(*keys) == 0:
            tries += 1
            throttle.failed(*keys)
    assert 0 < tries <= 100


def test_s4_the_old_password_cannot_be_guessed_at_a_browser_left_logged_in(
    client: TestClient, clock: StillClock
) -> None:
    set_password(client)
    for _ in range(6):
        assert set_password(client, password="another one", old="guess") == 400
    assert set_password(client, password="another one", old=PASSWORD) == 400
    clock.steady_s += 60
    assert set_password(client, password="another one", old=PASSWORD) == 303


def test_s5_no_password_or_session_is_kept_in_plain_text(app: FastAPI, client: TestClient) -> None:
    set_password(client)
    with app.state.accounts._lock:
        dump = "\n".join(app.state.accounts._db.iterdump())
    assert "$argon2id$" in dump
    assert PASSWORD not in dump
    assert client.cookies["campus"] not in dump


def acknowledge_form(client: TestClient) -> dict[str, str]:
    html = client.get("/").text
    form = html[html.index('action="/alarms/acknowledge"') :]
    return {name: value for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)[:4]}  # noqa: C416


def test_acknowledge_goes_to_the_collector_under_the_pages_key_and_leads_back(
    client: TestClient, commands: Collected
) -> None:
    form = acknowledge_form(client)
    answer = client.post("/alarms/acknowledge", data=form, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert commands.given == [("acknowledge", "e1", "admin", form["key"])]


def test_without_a_collector_the_page_says_that_nothing_was_recorded(
    client: TestClient, commands: Collected
) -> None:
    commands.failure = CollectorAwayError("nobody listens on /private/path/control.sock")
    answer = client.post("/alarms/acknowledge", data=acknowledge_form(client), headers=ORIGIN)
    assert answer.status_code == 503
    assert "确认没有记下" in answer.text
    assert "control.sock" not in answer.text


def test_what_the_collector_refuses_is_shown_in_its_words(client: TestClient, commands: Collected) -> None:
    commands.failure = ControlError("there is no such alarm")
    answer = client.post("/alarms/acknowledge", data=acknowledge_form(client), headers=ORIGIN)
    assert answer.status_code == 409
    assert "there is no such alarm" in answer.text
