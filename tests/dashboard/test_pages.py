"""What the pages show: the reader's own numbers, honestly, in both languages, escaped (S9)."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.app import PAGES
from dashboard.assets import Assets
from gateway.errors import StoreError
from gateway.query.views import Activity
from tests.dashboard.campus import DAY, Campus

HOSTILE = (
    "<script>document.title='owned'</script>", '"><img src=x onerror=document.title="owned">', "';document.title='owned';'",
    "{{ 7*7 }}", "</figure><svg/onload=document.title='owned'>", "javascript:document.title='owned'", "\u202eevil",
)  # fmt: skip


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_shown_in_both_languages(client: TestClient, path: str, lang: str) -> None:
    answer = client.get(path, params={"lang": lang})
    assert answer.status_code == 200
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}"' in answer.text
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_an_empty_state(client: TestClient, campus: Campus, path: str) -> None:
    campus.is_empty = True
    answer = client.get(path)
    assert answer.status_code == 200
    assert "还没有" in text_of(answer.text)


@pytest.mark.parametrize(
    "query",
    ["?p=week", "?p=month", "?d=2026-02-30", "?d=1999-01-01", "?d=2999-01-01", "?p=%3Cx%3E", "?d=2026-03-08"],
)
@pytest.mark.parametrize("path", ["/energy", "/water", "/air"])
def test_any_period_in_the_address_gives_a_page(client: TestClient, path: str, query: str) -> None:
    assert client.get(path + query).status_code == 200


def test_the_overview_shows_the_readers_own_numbers(client: TestClient, campus: Campus) -> None:
    page, overview = text_of(client.get("/").text), campus.overview()
    for total in (overview.electricity_today, overview.water_today):
        assert total.value is not None
        decimals = 1 if total.value >= 10 else 2
        assert f"{total.value:,.{decimals}f} {total.unit}" in page
    assert overview.power_now is not None
    assert f"{overview.power_now.value:.1f} kW" in page
    assert f"{sum(room.state == 'outside' for room in overview.rooms)} / {len(overview.rooms)}" in page
    assert f"{sum(unit.state == 'outside' for unit in overview.cold)} / {len(overview.cold)}" in page
    assert f"{overview.devices_online} / {overview.devices_total}" in page
    for alarm in overview.alarms:
        assert alarm.text_zh in page
    assert "182,340" in page


def test_a_comparison_names_its_base_and_says_the_direction_in_words(client: TestClient) -> None:
    page = text_of(client.get("/").text)
    assert "较上周五同时刻 ▼ 8.2% 下降" in page
    assert "较昨日同时刻 ▲ 3.1% 上升" in page


def test_the_tariffs_are_named_with_their_share_and_with_a_cost_where_a_price_is_known(
    client: TestClient,
) -> None:
    page = client.get("/energy?p=week").text
    head = text_of(page[page.index('id="headline"') : page.index('id="h-usage"')])
    assert "尖峰平谷用电" in head
    assert re.search(r"峰 [\d,.]+ kWh 40% · 约 [\d,]+ 元", head), head
    assert re.search(r"平 [\d,.]+ kWh 40%(?! ·)", head), head


def test_what_is_missing_is_a_dash_and_never_a_zero(client: TestClient, campus: Campus) -> None:
    campus.is_empty = True
    heroes = client.get("/").text
    heroes = text_of(heroes[heroes.index('id="heroes"') : heroes.index('id="tiles"')])
    assert heroes.count("—") >= 3
    assert not re.search(r"\b0(\.0+)? (kWh|m³|kW)\b", heroes)


def test_a_rest_that_ends_before_its_span_says_so(client: TestClient, campus: Campus) -> None:
    *parts, rest = campus.items(campus.now - DAY, campus.now)
    shares = [*parts, replace(rest, until=campus.now - 3_600_000)]
    campus.items = lambda start, end: shares  # type: ignore[method-assign]
    assert re.search(r"未归类\(截至 [^)]*\d\d:\d\d\)", text_of(client.get("/energy").text))
    assert re.search(r"Not assigned \(until [^)]*\d\d:\d\d\)", text_of(client.get("/energy?lang=en").text))


def test_old_data_is_called_old(client: TestClient, campus: Campus) -> None:
    campus.now -= 12 * 60_000
    page = text_of(client.get("/").text)
    assert "数据延迟 12 分钟" in page
    assert "采集没有新数据" in page


def test_a_failed_uplink_says_what_is_wrong_and_what_to_do_in_the_readers_language(
    client: TestClient, campus: Campus
) -> None:
    (row,) = campus.uplinks()
    error, cause, cure = "tls: its certificate has expired", "对方的证书不可信", "请对方检查证书"
    failed = replace(row, error=error, error_at=(row.delivered_at or 0) + 1, cause_zh=cause, cure_zh=cure)
    campus.uplinks = lambda: [failed]  # type: ignore[method-assign]
    for path in ("/", "/upload"):
        page = text_of(client.get(f"{path}?lang=zh").text)
        assert [words for words in ("失败,自动重试", cause, cure, error) if words not in page] == [], path
        english = text_of(client.get(f"{path}?lang=en").text)
        assert (error in english, cause in english, cure in english) == (True, False, False), path


def test_a_replay_shows_its_progress(client: TestClient, campus: Campus) -> None:
    campus.activity_now = Activity("replay", 30, 120, campus.now)
    page = client.get("/").text
    assert "正在补录历史数据" in page
    assert '<progress max="100" value="25">' in page


def test_without_a_bundle_charts_are_open_tables_and_one_line_says_so(
    app: FastAPI, client: TestClient
) -> None:
    built: Assets = app.state.assets
    app.state.assets = Assets(built.files, built.style, None)
    page = client.get("/").text
    assert "图表以表格显示" in page
    assert "<script" not in page
    assert re.search(r'<details class="data" id="power-today-data" open>', page)
    assert page.count("<tr>") > 96


def test_an_unreadable_buffer_is_a_page_that_tries_again(client: TestClient, campus: Campus) -> None:
    def fail() -> None:
        raise StoreError("/private/buffer.db is not there")

    campus.overview = fail  # type: ignore[method-assign, assignment]
    answer = client.get("/")
    assert (answer.status_code, answer.headers["refresh"]) == (503, "3")
    assert "buffer.db" not in answer.text


def test_days_before_a_lamps_data_begin_are_no_days_without_disinfection(
    client: TestClient, campus: Campus
) -> None:
    """It was put into service on Tuesday; of that day only a part is known."""
    units = [replace(unit, first_at=campus.now - 3 * DAY) for unit in campus.disinfection_units()[:1]]
    campus.disinfection_units = lambda: units  # type: ignore[method-assign]
    campus.disinfection_runs = lambda start, end: []  # type: ignore[method-assign]
    page = client.get("/disinfection").text
    marks = re.findall(r'<td class="mark is-(\w+)" title="([^"]+)"', page)
    before, none = ("off", "数据还没有开始"), ("alarm", "未消毒")
    assert marks == [before] * 11 + [none] * 2 + [("off", "今天还没有")]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_text(client: TestClient, campus: Campus, hostile: str) -> None:
    campus.name_of = dict.fromkeys(("a-101", "cold-fridge-2", "uv-a101", "main-e"), hostile)
    for path in ("/", "/air", "/disinfection", "/devices", "/alarms"):
        page = client.get(path).text
        if "<" in hostile:
            assert hostile not in page, path
        assert "onerror=document" not in re.sub(r"&[^;]+;", "", page) or "&lt;img" in page
        assert "49" not in hostile
    assert hostile in text_of(client.get("/devices").text) or "<" in hostile


def test_the_language_is_remembered(client: TestClient) -> None:
    client.get("/?lang=en")
    assert "Electricity today" in client.get("/").text
    client.get("/?lang=zh")
    assert "今日用电" in client.get("/").text


def test_the_first_page_is_light(client: TestClient) -> None:
    sent = 0
    page = client.get("/", headers={"accept-encoding": "gzip"})
    sent += int(page.headers["content-length"])
    for address in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)):
        sent += int(client.get(address, headers={"accept-encoding": "gzip"}).headers["content-length"])
    assert sent < 150_000, "first page without charts: at most 150 KB compressed"
