"""Named sets of conversion factors. Every figure made with one says which (STANDARDS 7). Pure data and one multiplication.

A set is chosen by the reader of a report and never by default: one kWh is 0.1229 or 0.28078 kgce after the two ways of
counting, and figures of the one must not be added to those of the other. What the source of a set does not say, or says as
a range only, is not converted, and the reason is a word of the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from district.usage import ELECTRICITY, GAS, HEAT, WATER, Commodity, Use

DIGITS = 3
NOT_SAID = "factor_not_said"


@dataclass(frozen=True, slots=True)
class CoefficientSet:
    """``per_unit``: kg (``unit``) for each unit of a commodity, by its name. ``refused``: why another is not converted.
    ``since``: the first local day the source holds for; None where the factor is one of physics."""

    name: str
    title_zh: str
    title_en: str
    what: Literal["kgce", "kgco2"]
    """A word of the catalogue."""
    unit: Literal["kgce", "kgCO₂"]
    per_unit: Mapping[str, Decimal]
    refused: Mapping[str, str] = field(default_factory=dict)
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """``value`` None: not known, or not converted because of ``reason``, a word of the catalogue."""

    value: float | None
    reason: str | None = None


def converted(chosen: CoefficientSet, commodity: Commodity, used: Use, zone: ZoneInfo) -> Converted:
    """What was used in a span, in the unit of the set. Refused where a part of the span lies before the set holds."""
    factor = chosen.per_unit.get(commodity.name)
    if factor is None:
        return Converted(None, chosen.refused.get(commodity.name, NOT_SAID))
    if chosen.since and datetime.fromtimestamp(used.start / 1000, UTC).astimezone(zone).date() < chosen.since:
        return Converted(None, "factor_too_young")
    if used.value is None:
        return Converted(None)
    return Converted(float(round(Decimal(repr(used.value)) * factor, DIGITS)))


SETS: dict[str, CoefficientSet] = {
    one.name: one
    for one in (
        CoefficientSet(
            "gb-t-2589-2020",
            "GB/T 2589-2020 当量值:电力 0.1229 kgce/kWh,热力 34.12 kgce/GJ",
            "GB/T 2589-2020, calorific: electricity 0.1229 kgce/kWh, heat 34.12 kgce/GJ",
            "kgce",
            "kgce",
            {ELECTRICITY.name: Decimal("0.1229"), HEAT.name: Decimal("34.12")},
            # Gas 1.1000 to 1.3300 kgce/m³ by its source; water 0.2571 kgce/t is a working medium, not an energy.
            {GAS.name: "factor_gas_range", WATER.name: "factor_water_medium"},
        ),
        CoefficientSet(
            "shanghai-2022-34",
            "沪环气〔2022〕34号:电力 4.2 tCO₂/万kWh,热力 0.06 tCO₂/GJ(2022-02-11 起)",
            "Shanghai notice 2022-34 (Hu Huan Qi): electricity 4.2 tCO₂ per 10⁴ kWh, heat 0.06 tCO₂ per GJ, from 2022-02-11",
            "kgco2",
            "kgCO₂",
            {ELECTRICITY.name: Decimal("0.42"), HEAT.name: Decimal(60)},
            since=date(2022, 2, 11),
        ),
    )
}
