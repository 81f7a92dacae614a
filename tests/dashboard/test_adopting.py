"""The card of candidates: what staff see of a stranger, and what a click sends to the collector (S9)."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboard.fresh import FreshParts
from dashboard.pages.strangers import SHOWN_MAX, proposed_id
from dashboard.seams import Parts
from edge_config import web_file
from edge_config.loader import load_site
from gateway.errors import CollectorAwayError, ControlError
from gateway.query.views import Candidate
from simulators.demo_site import write_demo_site
from tests.dashboard.campus import Campus, Collected
from tests.dashboard.test_people import ORIGIN

KEY = "0123456789abcdef"


def stranger(topic: str = "zigbee2mqtt/new-box", **more: object) -> Candidate:
    sample = '{"co2":640,"humidity":60}'
    one = Candidate("local", topic, "Tuya Air box", ("zigbee2mqtt-air",), sample, 0, 1_763_000_000_000, 7)
    return replace(one, **more)  # type: ignore[arg-type]


def form_of(client: TestClient, action: str) -> dict[str, str]:
    page = client.get("/devices").text
    form = page[page.index(f'action="{action}"') :]
    names = {
        name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)[:5]
    }
    return {key: names[key] for key in ("csrf", "key", "broker", "topic")}


def test_no_card_where_nobody_waits(client: TestClient) -> None:
    assert 'id="candidates"' not in client.get("/devices").text


@pytest.mark.parametrize(("lang", "words"), [("zh", "候选设备"), ("en", "Candidates")])
def test_a_stranger_is_shown_with_its_sample_and_likeliest_profile(
    client: TestClient, campus: Campus, lang: str, words: str
) -> None:
    campus.strangers = [stranger()]
    page = html.unescape(client.get("/devices", params={"lang": lang}).text)
    assert words in page
    assert '{"co2":640,"humidity":60}' in page
    assert "Tuya Air box" in page
    assert 'value="new-box" required' in page
    first = page[page.index('<select name="profile"') :]
    assert re.search(r'<option value="([^"]*)"', first)[1] == "zigbee2mqtt-air"  # type: ignore[index]


def test_what_a_stranger_says_is_text_and_never_markup(client: TestClient, campus: Campus) -> None:
    evil = "<script>owned</script>"
    campus.strangers = [stranger(f"x/{evil}", title=evil, sample=evil, fits=(evil,))]
    assert evil not in client.get("/devices").text


def test_many_strangers_make_a_page_of_bounded_length(client: TestClient, campus: Campus) -> None:
    campus.strangers = [stranger(f"x/{n}") for n in range(100)]
    page = client.get("/devices", params={"lang": "en"}).text
    assert page.count('action="/devices/adopt"') == SHOWN_MAX
    assert f"{100 - SHOWN_MAX} more appear" in page


@pytest.mark.parametrize("action", ["adopt", "dismiss"])
def test_a_click_is_one_command_under_the_pages_key(
    client: TestClient, campus: Campus, commands: Collected, action: str
) -> None:
    campus.strangers = [stranger()]
    form = form_of(client, f"/devices/{action}")
    data = {**form, "id": "box", "profile": "zigbee2mqtt-air", "name": "盒子", "space": ""}
    answer = client.post(f"/devices/{action}", data=data, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    assert commands.given == [(action, "zigbee2mqtt/new-box", "admin", form["key"])]


def test_the_meter_above_and_the_energy_code_go_with_the_command(
    client: TestClient, campus: Campus, commands: Collected
) -> None:
    campus.strangers = [stranger()]
    form = form_of(client, "/devices/adopt")
    page = client.get("/devices").text
    parents = page[page.index('<select name="parent">') :].partition("</select>")[0]
    assert 'value="main-e"' in parents
    assert 'value="air-a101"' not in parents
    data = {**form, "id": "plug", "profile": "tasmota-energy", "parent": "main-e", "energy_code": "01A00"}
    assert client.post("/devices/adopt", data=data, headers=ORIGIN).status_code == 303
    assert commands.bodies[-1]["parent"] == "main-e"
    assert commands.bodies[-1]["energy_code"] == "01A00"


def test_what_goes_wrong_is_said(client: TestClient, campus: Campus, commands: Collected) -> None:
    campus.strangers = [stranger()]
    form = form_of(client, "/devices/adopt")
    commands.failure = ControlError("the id box is taken")
    refused = client.post("/devices/adopt", data=form, headers=ORIGIN)
    assert (refused.status_code, "the id box is taken" in refused.text) == (409, True)
    commands.failure = CollectorAwayError("nobody")
    away = client.post("/devices/adopt", data=form, headers=ORIGIN)
    assert (away.status_code, "没有任何改动" in away.text) == (503, True)
    bad = client.post("/devices/adopt", data={**form, "key": "x"}, headers=ORIGIN)
    assert bad.status_code == 400
    forged = client.post("/devices/adopt", data={**form, "csrf": "x"}, headers=ORIGIN)
    assert forged.status_code == 403


@pytest.mark.parametrize(
    ("topic", "taken", "id"),
    [("zigbee2mqtt/air-7", set(), "air-7"), ("tele/UV Lamp_3", set(), "uv-lamp-3"), ("site/教室", set(), "site"),
     ("教室/空气", set(), ""), ("z/air", {"air", "air-2"}, "air-3"), ("z/" + "x" * 90, set(), "x" * 37)],
)  # fmt: skip
def test_an_id_is_proposed_that_the_site_file_would_take(topic: str, taken: set[str], id: str) -> None:  # noqa: A002
    assert proposed_id(topic, taken) == id


def test_an_adopted_device_joins_the_pages_without_a_restart(parts: Parts, tmp_path: Path) -> None:
    site = load_site(write_demo_site(tmp_path / "school"))
    grown: list[int] = []

    def views(one: object) -> Campus:
        grown.append(1)
        return Campus(site)

    fresh = FreshParts(replace(parts, site=site), views)
    assert "box-2" not in fresh.now().site.devices
    broker = site.file.brokers[0].id
    entry = {"id": "box-2", "profile": "zigbee2mqtt-air", "broker": broker, "topic": "site/box-2"}
    web_file.write(site.web_path, web_file.text_with([entry]))
    assert fresh.now().site.devices["box-2"].topic == "site/box-2"
    assert fresh.now().site.adopted == ("box-2",)
    assert grown == [1]
    web_file.write(site.web_path, "devices: 7\n")
    assert "box-2" in fresh.now().site.devices  # a broken file takes nothing away
