"""What ``status`` says of the buffer."""

from __future__ import annotations

from typing import Any

from gateway.cli.status import buffer_words

MIB = 2**20
FILE = {"bytes": 5 * MIB, "path": "var/buffer.db"}


def live(**more: Any) -> dict[str, Any]:
    found = {
        "used_bytes": 1024 * MIB,
        "limit_bytes": 4096 * MIB,
        "fill_pct": 25.0,
        "is_full": False,
        "is_held": False,
    }
    return {**found, "hours_left": None, **more}


def test_without_a_collector_the_file_is_all_that_is_known() -> None:
    assert buffer_words(FILE, {}) == "5.0 MiB (var/buffer.db)"


def test_fill_and_hours_left_are_said() -> None:
    assert "1024.0 of 4096 MiB in use (25 %)" in buffer_words(FILE, live())
    assert "36 h until raw readings are dropped early" in buffer_words(FILE, live(hours_left=36.2))
    assert "retention holds it there" in buffer_words(FILE, live(is_held=True))
    assert "known in a few minutes" in buffer_words(FILE, live())


def test_a_full_buffer_is_said_in_capitals() -> None:
    assert "FULL 已满" in buffer_words(FILE, live(is_full=True))
    assert "FULL" not in buffer_words(FILE, live())
