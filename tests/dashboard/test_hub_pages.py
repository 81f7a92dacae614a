"""The campus's pages over its hub: figures across gateways, and openly no present state."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from dashboard.app import PAGES, create_app
from dashboard.commands import Nobody
from dashboard.seams import Parts
from edge_config.site import LoadedSite
from gateway.cli.dashboard import dashboard
from gateway.errors import StoreError
from gateway.points import build_points
from tests.dashboard.campus import StillClock
from tests.query import campus_hub
from tests.query.buffers import DAY_MS, QUARTER_MS
from tests.query.campus_hub import MAIN, SUBS, Hub


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return campus_hub.filled(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def client(campus: Hub) -> Iterator[TestClient]:
    with serving(campus) as browser:
        yield browser


@contextmanager
def serving(campus: Hub) -> Iterator[TestClient]:
    """A signed-in browser."""
    database = campus.path.with_name("dashboard.db")
    parts = Parts(campus.site, campus.reader, Nobody(), campus.clock, StillClock(), database, is_hub=True)
    app = create_app(parts)
    with TestClient(app, base_url="http://127.0.0.1:8600", follow_redirects=False) as browser:
        browser.headers["accept"] = "text/html"
        token = app.state.accounts.issue_setup_token()
        assert browser.get("/login", params={"token": token}).status_code == 303
        yield browser


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("lang", "title", "reach"),
    [("zh", "校区汇总", "gw-1 数据到 10:00"), ("en", "Campus hub", "gw-1: data to 10:00")],
)
def test_every_page_says_whose_data_it_shows(
    client: TestClient, path: str, lang: str, title: str, reach: str
) -> None:
    answer = client.get(path, params={"lang": lang})
    assert answer.status_code == 200
    page = text_of(answer.text)
    assert title in page
    assert reach in page


@pytest.mark.parametrize("path", ["/", "/air", "/canteen", "/devices", "/disinfection"])
@pytest.mark.parametrize(
    ("lang", "words", "tile"),
    [("zh", "汇总中心没有实时状态", "看各网关"), ("en", "no present state at the hub", "see the gateways")],
)
def test_a_present_state_is_openly_not_known(
    client: TestClient, path: str, lang: str, words: str, tile: str
) -> None:
    page = text_of(client.get(path, params={"lang": lang}).text)
    assert (tile if path == "/" else words) in page
    if path != "/devices":  # where some are of no gateway yet
        assert "还没有 " not in page
        assert "never" not in page
    assert not re.search(r"\b0 ?/ ?\d", page)
    assert "离线" not in page
    assert "offline" not in page


def test_the_overview_shows_the_campus_total_and_its_shares(client: TestClient, campus: Hub) -> None:
    step = {one.name: Fraction(one.step) for one in build_points(campus.site)}
    until = campus.clock.ms

    def kwh(name: str) -> Fraction:
        return campus.counted(name, campus.midnight, until) * step[name]

    page = text_of(client.get("/?lang=zh").text)
    assert f"{float(kwh(MAIN)):,.1f} kWh" in page
    energy = text_of(client.get("/energy?lang=zh").text)
    rest = kwh(MAIN) - sum(kwh(name) for name in SUBS)
    for part in (*(kwh(name) for name in SUBS), rest):
        shown = f"{float(part):,.1f}" if part >= 10 else f"{float(part):,.2f}"
        assert shown in energy


def test_the_upload_page_knows_completeness_and_no_delivery(client: TestClient) -> None:
    page = text_of(client.get("/upload?lang=zh").text)
    assert "汇总中心不显示各网关的上报" in page
    assert "完整率 100%" in page
    assert "上传率 —" in page
    assert "上传率 0" not in page


def test_an_alarm_is_shown_and_acknowledged_elsewhere(client: TestClient) -> None:
    page = client.get("/alarms?lang=zh").text
    assert "温度超出范围" in page
    assert "/alarms/acknowledge" not in page
    form = {"event_id": "cold:1", "key": "0" * 32, "next": "/alarms"}
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account?lang=zh").text)
    assert found is not None
    answer = client.post(
        "/alarms/acknowledge", data={**form, "csrf": found[1]}, headers={"origin": "http://127.0.0.1:8600"}
    )
    assert answer.status_code == 409
    assert "校区汇总不能下命令" in answer.text
    assert "请打开所属网关自己的看板去做" in answer.text


def test_adopting_a_device_is_refused_with_where_to_do_it(client: TestClient) -> None:
    page = text_of(client.get("/devices?lang=en").text)
    assert "Adopt a new device or replace a meter on that gateway's pages" in page
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account?lang=en").text)
    assert found is not None
    form = {"topic": "zigbee2mqtt/new", "broker": "local", "id": "new", "key": "0" * 32, "csrf": found[1]}
    answer = client.post("/devices/adopt", data=form, headers={"origin": "http://127.0.0.1:8600"})
    assert answer.status_code == 409
    assert "open the pages of the gateway it belongs to" in text_of(answer.text)


def test_devices_stand_by_their_gateway_with_how_far_their_data_reach(client: TestClient) -> None:
    page = client.get("/devices?lang=zh").text
    groups = dict(
        re.findall(r'<section class="card line" aria-label="([^"]+)">(.*?)</section>', page, re.DOTALL)
    )
    assert set(groups) == {"gw-1", "gw-2", "还没有网关上传"}
    assert re.findall(r'id="device-([^"]+)"', groups["gw-1"]) == ["main-e"]
    assert "5 分钟前" in groups["gw-1"]
    assert {"hvac-a", "fridge"} <= set(re.findall(r'id="device-([^"]+)"', groups["gw-2"]))
    assert "main-w" in groups["还没有网关上传"]


def test_no_open_alarm_at_a_hub_is_said_of_what_came_and_not_called_good(tmp_path: Path) -> None:
    """A gateway that has not uploaded may have one."""
    hub = campus_hub.opened(tmp_path)
    with serving(hub) as client:
        for path, words in (("/alarms", "各网关传来的记录里没有未结束的报警"), ("/", "还没有收到网关的数据")):
            page = client.get(path, params={"lang": "zh"}).text
            assert words in page
            assert "empty good" not in page
        assert "采集程序" not in page


def test_a_hubs_database_that_is_gone_is_a_page_in_words_of_a_hub(tmp_path: Path) -> None:
    hub = campus_hub.opened(tmp_path)
    with serving(hub) as client:
        hub.path.unlink()
        answer = client.get("/", params={"lang": "zh"})
    assert answer.status_code == 503
    assert "暂时读不到汇总数据" in answer.text
    assert "采集程序" not in answer.text


def test_a_day_that_a_gateway_has_not_told_of_is_no_day_without_disinfection(tmp_path: Path) -> None:
    """Before a device's data begin, and after what came of the gateway that is furthest behind."""
    hub = campus_hub.opened(tmp_path)
    lamp, began = "uv-101.lamp_power", hub.midnight - 6 * DAY_MS
    slots = [
        {"kind": "interval", "point": lamp, "period": "15min", "start": at, "end": at + QUARTER_MS, "content": "measured",
         "share": 1.0, "mean": 0.0, "low": 0.0, "high": 0.0}
        for at in range(began, hub.midnight, QUARTER_MS)
    ]  # fmt: skip
    hub.send("gw-1", hub.meter(MAIN, began, hub.midnight))
    hub.send("gw-2", [hub.described(lamp), *slots])
    with serving(hub) as client:
        page = client.get("/disinfection?lang=zh").text
    cells = re.findall(r'<td class="mark is-(\w+)" title="([^"]+)"', page)
    marks = [word for _, word in cells][:14]
    assert marks[:8] == ["数据还没有开始"] * 8  # of the day on which they begin only a part is known
    assert "未消毒" in marks[8:13]
    assert marks[13] == "还没有收到记录"


def test_the_command_refuses_a_database_that_is_no_hubs_before_it_serves(
    site: LoadedSite, tmp_path: Path
) -> None:
    found = CliRunner().invoke(dashboard, [str(site.path), "--hub", str(tmp_path / "none.db"), "--port", "0"])
    assert isinstance(found.exception, StoreError)
    assert "no such database" in str(found.exception)
