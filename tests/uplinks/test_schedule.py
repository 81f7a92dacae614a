from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplinks.schedule import JITTER_S, QUARTER_S, next_look_s

QUARTER_MS = 900_000


def looks(gateway: str, start_ms: int, count: int, interval_s: float = 20.0) -> list[float]:
    """Seconds after ``start_ms`` of the next looks."""
    now_s, found = 0.0, []
    for _ in range(count):
        now_s += next_look_s(gateway, start_ms + round(now_s * 1000), interval_s)
        found.append(now_s)
    return found


def test_the_first_look_of_a_quarter_hour_is_spread_over_the_jitter_and_always_at_the_same_place() -> None:
    firsts = [next_look_s(f"gw-{number}", QUARTER_MS, 20.0) for number in range(1000)]
    assert all(0 < first <= JITTER_S for first in firsts)
    assert max(sum(1 for first in firsts if second <= first < second + 1) for second in range(40)) < 50
    assert firsts == [next_look_s(f"gw-{number}", 7 * QUARTER_MS, 20.0) for number in range(1000)]


@given(gateway=st.integers(0, 10**6), start_ms=st.integers(0, 4 * QUARTER_MS))
def test_by_default_nothing_waits_longer_than_forty_seconds_for_a_look(gateway: int, start_ms: int) -> None:
    found = looks(f"gw-{gateway}", start_ms, 60)
    gaps = [after - before for before, after in zip([0.0, *found], found, strict=False)]
    assert min(gaps) > 0
    assert max(gaps) <= JITTER_S + 0.01


@given(interval_s=st.floats(1, 300), start_ms=st.integers(0, 4 * QUARTER_MS))
def test_every_quarter_hour_has_its_look_at_the_gateways_own_second(interval_s: float, start_ms: int) -> None:
    first_s = next_look_s("gw-1", QUARTER_MS, 20.0)
    found = [start_ms / 1000 + look for look in looks("gw-1", start_ms, 2000, interval_s)]
    for quarter in range(5, int(found[-1] // QUARTER_S)):
        in_it = [look - quarter * QUARTER_S for look in found if look // QUARTER_S == quarter]
        assert abs(in_it[0] - first_s) < 0.01
