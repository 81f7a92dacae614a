"""The benchmark of the district's pages runs, and asks every page."""

from __future__ import annotations

from bench import district_pages


def test_pages_are_filled_and_asked() -> None:
    size = district_pages.Size(points=6, schools=2, days=24, requests=2)
    found = district_pages.table(size)
    assert all(name in found for name in district_pages.PATHS)
