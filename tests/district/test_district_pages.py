from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.district import campus
from tests.district.campus import METER, NOW, WATER
from tests.district.conftest import SQLITE_ONLY, District

EVIL = "<script>alert(1)</script>"


async def text(district: District, path: str, status: int = 200) -> str:
    reply = await district.client.get(path)
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")
    return reply.text


def without_switch(page: str) -> set[str]:
    """The Chinese words of a page but for the one that leads to Chinese."""
    return set(re.findall(r"[\u4e00-\u9fff]+", re.sub(r'<a class="tool language".*?</a>', "", page)))


async def fill(district: District) -> None:
    day = {"kind": "interval", "point": METER, "period": "day", "start": campus.MIDNIGHT - 86_400_000,
           "end": campus.MIDNIGHT, "content": "estimated", "share": 0.5, "value": 321.0}  # fmt: skip
    bodies = [
        *campus.day_slots(count=55),
        campus.point(WATER, "water_volume", "m³", label_zh="自来水总表"),
        *(campus.slot(WATER, index, 0.25) for index in range(55)),
        day,
        campus.event(evidence={"text_zh": "温度高于 8 ℃", "text_en": "Above 8 ℃"}),
        campus.event("e2", level=3, subject=WATER),
        campus.event("e4", level=2, event_kind="disinfection"),
        campus.event("e3", state="closed", end=NOW),
    ]
    assert (await district.post(campus.batch(bodies))).json()["rejected"] == []


async def test_the_first_page_shows_contact_completeness_and_totals(district: District) -> None:
    await fill(district)
    page = await text(district, "/")
    assert '<html lang="zh-CN">' in page
    for shown in ("示例中学", "正常", "刚刚", "100.0%", "376.0</span> <small>kWh", "13.75</span> <small>m³"):
        assert shown in page
    assert "cold_excursion" not in page  # one event of the two highest levels is open, with words of its own
    assert page.count("温度高于 8 ℃") == 1
    assert "disinfection" not in page  # a run that goes on is no alarm
    assert "紧急" in page


async def test_a_school_page_lists_points_events_and_gateways(district: District) -> None:
    await fill(district)
    page = await text(district, "/schools/demo")
    for shown in (
        METER,
        "自来水总表",
        "376.00",
        "估",
        "温度高于 8 ℃",
        "cold_excursion",
        "gw-1",
        "100.00",
        "155.00",
    ):
        assert shown in page
    assert page.count("自来水总表") == 2  # as a point, and as what an event is about


async def test_a_copied_card_is_shown_on_the_schools_page(district: District) -> None:
    await fill(district)
    assert "身份异常" not in await text(district, "/schools/demo")
    first = campus.batch([campus.slot(METER, index) for index in range(3)], after=500)
    other = campus.batch([campus.slot(METER, index, 7.0) for index in range(3)], after=500)
    assert (await district.post(first)).status_code == 200
    assert (await district.post(other)).json()["error"] == "cloned"
    for path, words in (
        ("/schools/demo", "两台设备使用同一身份"),
        ("/schools/demo?lang=en", "Two machines speak"),
    ):
        assert words in await text(district, path)


async def test_english_is_one_link_away_and_stays(district: District) -> None:
    await fill(district)
    page = await text(district, "/?lang=en")
    assert '<html lang="en">' in page
    assert "/schools/demo?lang=en" in page
    assert without_switch(page) == {"示例中学"}


async def test_an_empty_district_says_how_to_begin(district: District) -> None:
    with district.store() as store, store.transaction() as connection:
        connection.run("DELETE FROM site WHERE site_id = ?", "demo")
    page = await text(district, "/")
    assert "还没有登记学校" in page
    assert "campus-gateway district enrol" in page


async def test_a_school_that_has_never_spoken_is_shown_as_such(district: District) -> None:
    campus.enrolled(district.where, "silent", name="沉默小学")
    page = await text(district, "/schools/silent")
    assert "从未上报" in page
    assert "还没有上报测点" in page


@pytest.mark.parametrize(("minutes", "word"), [(1, "正常"), (21, "延迟"), (1441, "离线")])
async def test_silence_turns_into_late_and_offline(district: District, minutes: int, word: str) -> None:
    await fill(district)
    district.clock.now += minutes * 60_000
    assert word in await text(district, "/")


async def test_s9_everything_a_gateway_sends_is_escaped(district: District) -> None:
    bodies = [
        campus.site(name=EVIL),
        campus.point(f"m.{EVIL}", label_zh=EVIL, label_en=EVIL, space=EVIL, unit=EVIL),
        campus.event(event_kind=EVIL, subject=EVIL),
        campus.event("e2", evidence={"text_zh": EVIL, "text_en": [EVIL], "far": 1e308}),
    ]
    await district.post(campus.batch(bodies))
    for path in ("/", "/schools/demo", "/?lang=en", "/schools/demo?lang=en"):
        page = await text(district, path)
        assert "<script" not in page
        assert "&lt;script&gt;" in page


async def test_an_unknown_school_is_a_page_and_not_a_trace(district: District) -> None:
    assert "没有这所学校" in await text(district, "/schools/nobody", 404)
    assert "没有这所学校" in await text(district, "/schools/%3Cscript%3E", 404)


@pytest.mark.parametrize("path", ["/", "/schools/demo", "/reports"])
async def test_every_page_is_english_when_asked(district: District, path: str) -> None:
    bodies = [
        campus.site("Demo"),
        campus.point(METER, label_zh="", energy_code="01A00", space="a"),
        campus.slot(METER, 1),
    ]
    await district.post(campus.batch(bodies))
    district.clock.now += 86_400_000
    assert without_switch(await text(district, f"{path}?lang=en")) <= {
        "示例中学"
    }  # as the operator named the gateway
    assert 'lang="zh-CN"' in await text(district, path)


@pytest.mark.parametrize(
    "path", ["/schools/demo?month=2026-13", "/reports?month=x", "/schools/demo/days.csv?month=1"]
)
async def test_a_month_that_is_none_is_a_page_that_says_so(district: District, path: str) -> None:
    assert "月份写法不对" in await text(district, path, 422)


async def test_the_switch_of_language_keeps_what_was_chosen(district: District) -> None:
    page = await text(district, "/?sort=quota&dir=down&c=water")
    assert 'href="/?sort=quota&amp;dir=down&amp;c=water&amp;lang=en"' in page


@SQLITE_ONLY
async def test_a_page_says_when_the_database_does_not_answer(district: District) -> None:
    path = Path(district.where)
    path.rename(path.with_suffix(".gone"))
    assert "数据库暂时没有回答" in await text(district, "/", 503)


@pytest.mark.parametrize(
    "path", ["/", "/schools/demo", "/nothing", "/v1/sites", "/static/district.css", "/healthz"]
)
async def test_s8_every_answer_carries_the_security_headers(district: District, path: str) -> None:
    headers = (await district.client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_s8_pages_need_nothing_inline_and_nothing_from_elsewhere(district: District) -> None:
    await fill(district)
    for path in ("/", "/schools/demo"):
        page = await text(district, path)
        assert "style=" not in page
        assert "http://" not in page
        assert "https://" not in page
    css = (await district.client.get("/static/district.css")).text
    assert "url(" not in css
