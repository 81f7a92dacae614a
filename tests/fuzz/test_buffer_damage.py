"""P18, F10: whatever happens to the bytes of a buffer, no wrong value is used, nothing is lost in silence, ingest goes on."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.door import ingest
from tests.fuzz.effort import examples
from tests.store import damaged
from tests.store.damaged import Damage, History

HOWS: tuple[Damage, ...] = (damaged.zero_page, damaged.garbage_page, damaged.truncate, damaged.flip_bit)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Ten hours of three points, ended in order."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ingest, "RETRY_S", 0.0)
        yield asyncio.run(damaged.begun(folder / "whole", 600))


@examples(20)
@given(seed=st.integers(0, 2**32), how=st.sampled_from([*HOWS, *[damaged.flip_bit] * 6]))
def test_p18_damage_is_found_before_use_and_told(history: History, seed: int, how: Damage) -> None:
    folder = history.site.folder.parent / "copy"
    copy = history.copy(folder)
    try:
        damaged.damage_file(copy.site.buffer_path, how, random.Random(seed))
        after = asyncio.run(damaged.lived_through(copy))
    finally:
        shutil.rmtree(folder)
    assert damaged.wrong_values(copy, after) == []
    assert damaged.wrong_intervals(after) == []
    assert damaged.silently_lost(copy, after) == []
    assert after.renewals <= 1


def test_the_oracle_notices_a_value_that_nobody_offered(history: History) -> None:
    key = next(iter(history.offered))
    wrong = damaged.After({key: -1.0}, {}, set(), [], [], 0, 0, "")
    assert damaged.wrong_values(history, wrong) == [key]
    assert len(damaged.silently_lost(history, wrong)) == len(history.offered) - 1


def test_the_files_of_the_history_are_whole(history: History) -> None:
    assert list(Path(history.site.folder).glob("*.corrupt-*")) == []
