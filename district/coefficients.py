"""Named sets of conversion factors. Every figure made with one says which (STANDARDS 7). Pure data.

A set is chosen by the reader of a report and never by default: one kWh is 0.1229 or 0.28078 kgce after the two ways of
counting, and figures of the one must not be added to those of the other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoefficientSet:
    """Per kWh of electricity. None: the source does not say."""

    name: str
    title_zh: str
    title_en: str
    kgce_per_kwh: float | None
    kgco2_per_kwh: float | None


SETS: dict[str, CoefficientSet] = {
    one.name: one
    for one in (
        CoefficientSet(
            "gb-t-2589-2020",
            "GB/T 2589-2020 当量值:电力 0.1229 kgce/kWh",
            "GB/T 2589-2020, calorific: electricity 0.1229 kgce/kWh",
            0.1229,
            None,
        ),
        CoefficientSet(
            "shanghai-2022-34",
            "沪环气〔2022〕34号:电力 4.2 tCO₂/万kWh(2022-02-11 起)",
            "Shanghai notice 2022-34 (Hu Huan Qi): electricity 4.2 tCO₂ per 10⁴ kWh, from 2022-02-11",
            None,
            0.42,
        ),
    )
}
