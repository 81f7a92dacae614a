"""A page of a real browser whose every complaint is kept."""

from __future__ import annotations

from playwright.sync_api import Page


def problems_of(page: Page, base: str) -> list[str]:
    """Grows by each console error or warning, each exception, and each request that leaves ``base``."""
    problems: list[str] = []
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((base, "data:")) else problems.append(request.url),
    )
    return problems
