"""The district's pages in a real browser, twelve schools of varied state: nothing wider than the screen, no console error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from district.app import create_app
from district.relay.outbox import Onward
from district.serve import listen, serving
from district.service import Service
from tests.dashboard.test_browser import CHROMIUM, FLAGS
from tests.district import held_up, twelve
from tests.district.conftest import StillClock

pytestmark = pytest.mark.real("chromium")

SIZES = [(360, 780), (390, 844), (1280, 800), (1366, 768)]
PATHS = [
    "/",
    "/?sort=pupil&dir=down",
    "/?c=water&sort=quota&kind=junior&lang=en",
    "/schools/riverside-primary",
    "/schools/demo-school?lang=en",
    "/schools/experimental-primary?month=2026-10",
    "/schools/far-village",
    "/schools/nobody",
    "/reports?set=gb-t-2589-2020",
    "/upstreams",
    "/upstreams?lang=en",
]


class Served:
    """The application on a free port, on a thread of its own."""

    def __init__(self, service: Service) -> None:
        self._service, self._listener = service, listen("127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop, self._stop, self._begun = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._begun.wait(60)

    def _run(self) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with serving(create_app(self._service), self._listener):
            self._begun.set()
            await self._stop.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._listener.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    where = Path(tmp_path_factory.mktemp("twelve")) / "district.db"
    twelve.fill(where)
    held_up.fill(where)
    onward = Onward((held_up.CITY, held_up.PROVINCE), 64 * 1024 * 1024)
    with closing(Service(where, StillClock(), onward)) as service, closing(Served(service)) as served:
        yield served.base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, base: str) -> Iterator[Page]:
    """Fails on what the browser complains of, and on any request that leaves this machine."""
    width, height = request.param
    context = browser.new_context(base_url=base, viewport={"width": width, "height": height})
    opened, problems = context.new_page(), list[str]()
    opened.on("console", lambda message: problems.append(f"{message.type} {message.text}"))
    opened.on("request", lambda asked: None if asked.url.startswith(base) else problems.append(asked.url))
    yield opened
    context.close()
    assert [one for one in problems if "404" not in one] == []


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_the_screen_and_links_can_be_hit(page: Page, path: str) -> None:
    page.goto(path)
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('.rail a, .tool, .segments a, .chips a, .button')]"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"
    )
    assert small == []
    picture = page.screenshot(full_page=True)
    assert len(picture) > 10_000


def test_a_phone_sees_every_figure_with_its_name(page: Page) -> None:
    page.goto("/?sort=year")
    shown = page.locator(".schools.folds").first.inner_text()
    for figure in ("kWh", "kWh/人", "kWh/m²", "超出", "在内"):
        assert figure in shown
    assert page.locator(".apart").inner_text().count("低于 90%") == 3
    names = page.evaluate(
        "getComputedStyle(document.querySelector('.folds td[data-label]'), '::before').content"
    )
    assert (names != "none") == (page.viewport_size is not None and page.viewport_size["width"] < 860)


def test_a_heading_sorts_and_sorts_back(page: Page) -> None:
    page.goto("/")
    if page.viewport_size is not None and page.viewport_size["width"] < 860:
        page.locator(".only-phone a", has_text="本年至今").click()
        assert "不参加排名" in page.locator("main").inner_text()
        return
    page.locator("thead a", has_text="本年至今").first.click()
    assert page.locator("th[aria-sort]").first.get_attribute("aria-sort") == "ascending"
    page.locator("th[aria-sort] a").first.click()
    assert page.locator("th[aria-sort]").first.get_attribute("aria-sort") == "descending"
    assert "不参加排名" in page.locator("main").inner_text()


def test_the_calendar_says_in_words_what_its_bars_show(page: Page) -> None:
    page.goto("/schools/riverside-primary")
    cell = page.locator(".day", has=page.locator(".date", has_text="12")).first
    assert cell.inner_text().split() == [
        "12",
        "周四",
        "实测",
        "54.1%",
        "估",
        "25.0%",
        "缺",
        "20.8%",
        "✓",
        "已报",
    ]
    assert cell.locator("svg rect").count() == 3


def test_the_first_page_leads_to_what_is_held_up_and_what_to_do(page: Page) -> None:
    page.goto("/")
    assert (
        page.locator(".notice li").count() == 3
    )  # two districts above, and what was refused behind the queue
    page.locator(".notice a").click()
    assert page.url.endswith("/upstreams")
    row = page.locator("tr", has=page.locator("a", has_text="第一初级中学"))
    assert "relay resume --database PATH first-junior gw-1 city.example" in row.inner_text()
    assert row.locator("code").first.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_an_export_is_downloaded_under_its_name(page: Page) -> None:
    page.goto("/reports")
    with page.expect_download() as waiting:
        page.locator("a.button", has_text="Excel").first.click()
    assert waiting.value.suggested_filename == "schools-2026-11.xlsx"
