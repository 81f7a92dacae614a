from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplinks.backoff import LONGEST_S, SHORTEST_S, wait_s


@given(failures=st.integers(1, 10_000), seed=st.integers(0, 2**32))
def test_a_wait_is_never_long_and_never_nothing(failures: int, seed: int) -> None:
    assert SHORTEST_S <= wait_s(failures, random.Random(seed)) <= LONGEST_S


def test_s24_waits_spread_over_the_whole_span() -> None:
    waits = [wait_s(20, random.Random(seed)) for seed in range(500)]
    assert min(waits) < 0.1 * LONGEST_S
    assert max(waits) > 0.9 * LONGEST_S


def test_what_the_receiver_asks_for_is_kept() -> None:
    assert wait_s(1, random.Random(0), at_least_s=900.0) == 900.0
