"""The pages in a real browser: no console error, nothing wider than the screen, charts drawn, hostile names inert (S9)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard.app import PAGES, create_app
from dashboard.assets import STATIC, Assets
from dashboard.seams import Parts
from dashboard.serve import Door, Server, configuration, listen
from edge_config.site import LoadedSite
from tests.dashboard.campus import Campus, Collected, StillClock
from tests.dashboard.test_pages import HOSTILE
from tests.dashboard.watched import problems_of

pytestmark = pytest.mark.real

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = [(360, 780), (390, 844), (1366, 768), (1920, 1080)]
CHROMIUM = "/usr/bin/chromium"


class Served:
    """The application on a free port, on a thread of its own."""

    def __init__(self, app: FastAPI, commands: Collected) -> None:
        self.app, self.commands = app, commands
        self.listener = listen("127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = Server(configuration(app, Door("127.0.0.1", 0)))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def served(site: LoadedSite, campus: Campus, tmp_path: Path) -> Iterator[Served]:
    if not (STATIC / "dist" / "manifest.json").exists():
        pytest.skip("the bundle is not built; run `npm ci && npm run build` in frontend/")
    commands = Collected()
    parts = Parts(site, campus, commands, StillClock(), StillClock(), tmp_path / "dashboard.db")
    running = Served(create_app(parts), commands)
    yield running
    running.app.state.live.stop()
    running.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A signed-in page that fails the test on any console error, or any request that leaves this machine."""
    context = browser.new_context(base_url=served.base)
    opened = context.new_page()
    problems = problems_of(opened, served.base)
    opened.goto(f"/login?token={served.app.state.accounts.issue_setup_token()}")
    yield opened
    context.close()
    assert problems == []


def charts_are_drawn(page: Page) -> None:
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.evaluate(
        "[...document.querySelectorAll('.canvas')].every((box) => box.querySelector('canvas')?.width > 0)"
    )


def place_of(page: Page) -> float:
    """Where the open table stands on the screen, px from its top."""
    return float(page.evaluate("document.getElementById('power-today-data').getBoundingClientRect().top"))


def is_no_wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_the_screen_and_draw_their_charts(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for path in (*PAGES, "/account", "/?lang=en", "/energy?p=month&theme=dark"):
        page.goto(path)
        if page.locator(".canvas").count():
            charts_are_drawn(page)
        assert is_no_wider_than_the_screen(page), path


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_on_a_phone_a_device_s_name_stands_beside_its_state_and_its_description_below_both(
    page: Page, lang: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/devices?lang={lang}")
    rows = page.locator(".devices tbody tr")
    assert rows.count() > 10
    for row in (rows.nth(n) for n in range(10)):
        whole, name, pill, text = (
            one.bounding_box()
            for one in (row, row.locator(".name"), row.locator(".pill").first, row.locator("th .block"))
        )
        assert whole
        assert name
        assert pill
        assert text
        assert text["width"] == pytest.approx(whole["width"])
        assert text["y"] >= max(name["y"] + name["height"], pill["y"] + pill["height"])
        assert pill["y"] < name["y"] + name["height"]


def test_the_wall_shows_the_whole_overview_without_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto("/")
    charts_are_drawn(page)
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080


def test_targets_are_large_enough_for_a_thumb(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        page.goto(path)
        small = page.evaluate(
            "[...document.querySelectorAll('nav a, button, summary, .tool, a.card')]"
            ".map((one) => [one.getBoundingClientRect(), one.outerHTML])"
            ".filter(([box]) => box.height > 1 && (box.height < 43.5 || box.width < 43.5)).map(([, html]) => html.slice(0, 90))"
        )
        assert small == [], path


def test_a_change_reaches_the_page_without_losing_the_place_or_an_open_table(
    page: Page, campus: Campus
) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto("/")
    charts_are_drawn(page)
    page.locator("#power-today summary").click()
    page.evaluate("scrollTo(0, 300)")
    before = place_of(page)
    campus.token = "2"
    campus.now -= 7 * 60_000
    page.wait_for_selector("#freshness.is-stale", timeout=20_000)
    assert abs(place_of(page) - before) <= 1  # although a banner came in above
    assert page.locator("#power-today-data").get_attribute("open") is not None


def test_acknowledging_keeps_the_page(page: Page, served: Served) -> None:
    page.goto("/alarms")
    with page.expect_response("**/alarms/acknowledge") as answer:
        page.locator("form[data-quiet] button").first.click()
    assert answer.value.status == 303
    page.wait_for_selector("form[data-quiet] button:not([disabled])")
    assert page.url.endswith("/alarms")
    assert served.commands.given[0][:3] == ("acknowledge", "e1", "admin")


def test_hostile_names_do_nothing_in_a_browser(page: Page, campus: Campus) -> None:
    subjects = ("a-101", "a-102", "cold-fridge-2", "uv-a101", "uv-a102", "main-e", "water-dorm")
    campus.name_of = dict(zip(subjects, HOSTILE, strict=True))
    for path in ("/", "/air", "/disinfection", "/devices", "/alarms"):
        page.goto(path)
        assert "owned" not in page.title()


def test_without_the_bundle_the_same_pages_are_tables(page: Page, served: Served) -> None:
    built: Assets = served.app.state.assets
    served.app.state.assets = Assets(built.files, built.style, None)
    page.goto("/energy")
    assert page.locator("#usage-electricity table").is_visible()
    assert page.locator("canvas").count() == 0
    assert is_no_wider_than_the_screen(page)
