# ruff: noqa: INP001, T201 - a script that prints what it wrote
"""``make screenshots``: pictures of the running demo for the README files, taken with the system's Chromium.

Needs the ``dev`` extra and chromium. Logs in once by the one-time link that the demo prints.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, WALL, PHONE = (1440, 900), (1920, 1080), (390, 844)


@dataclass(frozen=True, slots=True)
class Shot:
    """``name`` of the file; ``address`` on the dashboard; ``size`` of the window in px."""

    name: str
    address: str
    size: tuple[int, int] = DESKTOP
    whole_page: bool = False


SHOTS = (
    Shot("overview", "/?lang=zh&theme=light"),
    Shot("energy", "/energy?p=week&lang=zh"),
    Shot("water", "/water?lang=zh"),
    Shot("air", "/air?lang=zh"),
    Shot("canteen", "/canteen?lang=zh"),
    Shot("disinfection", "/disinfection?lang=zh"),
    Shot("alarms", "/alarms?lang=zh"),
    Shot("devices", "/devices?lang=zh"),
    Shot("upload", "/upload?lang=zh"),
    Shot("overview-phone", "/?lang=zh", PHONE),
    Shot("overview-wall", "/?lang=zh&theme=dark", WALL),
    Shot("overview-en", "/?lang=en&theme=light"),
)


def take(page: Page, base: str, shot: Shot, out: Path) -> Path:
    """One picture, once its charts are drawn."""
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.goto(base + shot.address)
    if page.locator("figure .canvas").count():
        page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=10_000)
    page.evaluate("document.fonts.ready")
    file = out / f"{shot.name}.png"
    page.screenshot(path=file, full_page=shot.whole_page, animations="disabled")
    return file


def take_all(base: str, login_link: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(reduced_motion="reduce", locale="zh-CN", timezone_id="Asia/Shanghai")
        page = context.new_page()
        page.goto(login_link)
        if "/login" in page.url:
            raise SystemExit("the login link has been used already; start the demo again for a new one")
        for shot in SHOTS:
            file = take(page, base.rstrip("/"), shot, out)
            print(f"{file}  {file.stat().st_size // 1024} KB")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True, help="for example http://127.0.0.1:8600")
    parser.add_argument("--login-link", required=True, help="the one-time link the demo printed")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    try:
        take_all(options.base_url, options.login_link, options.out)
    except Error as error:
        sys.exit(f"the pictures could not be taken: {error.message.splitlines()[0]}")


if __name__ == "__main__":
    main()
