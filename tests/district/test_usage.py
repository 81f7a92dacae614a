from __future__ import annotations

from dataclasses import replace

import pytest

from district.usage import Use, Verdict, against_quota, per, total

YEAR_MS = 365 * 86_400_000
HALF = YEAR_MS // 2


def use(value: float | None, missing: float = 0.0, meters: int = 1) -> Use:
    return Use(value, "kWh", meters, 0, HALF, 1 - missing, 0.0, missing, HALF)


@pytest.mark.parametrize(
    ("value", "missing", "verdict"),
    [
        (49.0, 0.0, "within"),
        (50.0, 0.0, "within"),
        (51.0, 0.0, "over"),
        (49.0, 0.2, "unsure"),
        (51.0, 0.9, "over"),
        (None, 1.0, "none"),
    ],
)
def test_a_gap_never_proves_that_a_quota_is_kept_and_may_prove_that_it_is_not(
    value: float | None, missing: float, verdict: Verdict
) -> None:
    assert against_quota(use(value, missing), 100.0, YEAR_MS).verdict == verdict


def test_without_an_allotment_nothing_is_judged() -> None:
    found = against_quota(use(50.0), None, YEAR_MS)
    assert (found.progress, found.verdict) == (None, "none")
    assert found.expected == 0.5


def test_a_sum_says_how_many_schools_it_rests_on_and_never_counts_an_unknown_as_nothing() -> None:
    found = total([use(0.1), use(0.2, missing=0.5, meters=3), use(None, meters=0), use(None)], "kWh")
    assert (found.value, found.counted, found.schools) == (0.3, 2, 4)
    assert found.missing == pytest.approx(0.5 * 3 / 4)


def test_a_sum_over_nothing_is_unknown() -> None:
    assert total([use(None)], "kWh").value is None
    assert total([], "kWh").value is None


@pytest.mark.parametrize("count", [None, 0])
def test_a_figure_per_nobody_is_unknown(count: int | None) -> None:
    assert per(5.0, count) is None
    assert per(None, 5) is None
    assert per(0.0, 5) == 0.0


def test_ninety_percent_measured_is_enough_and_less_is_not() -> None:
    whole = use(1.0)
    assert replace(whole, measured=0.9).is_complete_enough
    assert not replace(whole, measured=0.8999).is_complete_enough
    assert not replace(whole, value=None).is_complete_enough
