from __future__ import annotations

from district.rates import SENDERS_MAX, Buckets, Rate


def test_a_burst_and_then_the_rate() -> None:
    buckets = Buckets(Rate(per_s=0.5, burst=3))
    assert [buckets.wait_s("a", 0.0) for _ in range(5)] == [0, 0, 0, 2, 2]
    assert [buckets.wait_s("a", 2.0), buckets.wait_s("a", 2.0)] == [0, 2]
    assert [buckets.wait_s("a", 1000.0) for _ in range(4)] == [
        0,
        0,
        0,
        2,
    ]  # silence saves up no more than the burst


def test_senders_do_not_share() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=1))
    assert [buckets.wait_s(name, 0.0) for name in ("a", "b", "a")] == [0, 0, 1]


def test_a_clock_that_stands_still_gives_nothing_back() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=1))
    assert [buckets.wait_s("a", 5.0), buckets.wait_s("a", 4.0), buckets.wait_s("a", 4.0)] == [0, 1, 1]


def test_s20_the_memory_of_senders_is_bounded() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=1))
    for number in range(SENDERS_MAX + 10):
        buckets.wait_s(str(number), 0.0)
    assert len(buckets._left) == SENDERS_MAX
    assert buckets.wait_s("0", 0.0) == 0  # long forgotten
