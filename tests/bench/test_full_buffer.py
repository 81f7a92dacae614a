"""The benchmark of a full buffer runs, and answers what was asked."""

from __future__ import annotations

from bench import full_buffer


def test_a_full_buffer_is_filled_restarted_and_asked() -> None:
    found = full_buffer.table(count=6_000, hours=24)
    assert all(name in found for name in full_buffer.GOALS)
