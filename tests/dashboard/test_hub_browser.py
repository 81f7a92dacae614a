"""The campus's pages over its hub in a real browser: no console error, nothing cut off by the screen, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from dashboard.app import PAGES, create_app
from dashboard.assets import STATIC
from dashboard.commands import Nobody
from dashboard.seams import Parts
from tests.dashboard.campus import Collected, StillClock
from tests.dashboard.test_browser import (
    CHROMIUM,
    FLAGS,
    Served,
    charts_are_drawn,
    is_no_wider_than_the_screen,
)
from tests.dashboard.watched import problems_of
from tests.query import campus_hub
from tests.query.campus_hub import Hub

pytestmark = pytest.mark.real("chromium")

DESKTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module", params=["filled", "empty"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """One that two gateways upload to, and one that none has yet."""
    made = campus_hub.filled if request.param == "filled" else campus_hub.opened
    return made(tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def page(hub: Hub) -> Iterator[Page]:
    """A signed-in page that fails its tests on any console error, or any request that leaves this machine."""
    if not (STATIC / "dist" / "manifest.json").exists():
        pytest.skip("the bundle is not built; run `npm ci && npm run build` in frontend/")
    database = hub.path.with_name("dashboard.db")
    parts = Parts(hub.site, hub.reader, Nobody(), hub.clock, StillClock(), database, is_hub=True)
    served = Served(create_app(parts), Collected())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_context(base_url=served.base).new_page()
        problems = problems_of(opened, served.base)
        opened.goto(f"/login?token={served.app.state.accounts.issue_setup_token()}")
        yield opened
        browser.close()
    served.app.state.live.stop()
    served.close()
    assert problems == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_fits_the_screen_and_says_whose_data_it_shows(
    page: Page, lang: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for path in (*PAGES, "/account"):
        page.goto(f"{path}?lang={lang}")
        if page.locator(".canvas").count():
            charts_are_drawn(page)
        assert is_no_wider_than_the_screen(page), path
        assert page.locator("#hub").is_visible(), path


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_phone_shows_the_devices_table_whole(page: Page, lang: str) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"/devices?lang={lang}")
    assert page.locator("table.sent").count() >= 1
    assert page.evaluate(
        "[...document.querySelectorAll('.line .scroll')].every((box) => box.scrollWidth <= box.clientWidth)"
    )
