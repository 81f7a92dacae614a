"""Reading a page's forms in tests."""

from __future__ import annotations

import re


def token_of(html: str) -> str:
    """The form token of a page; fails when it has none."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None, "the page has no form token"
    return found[1]
