"""The weather over the campus: a smooth, seeded year in the lower Yangtze valley.

Figures are plausible, not measured: a yearly mean of 17 ℃ with the cold in late January, a daily swing with its peak
in the afternoon, spells of some days, cloud that moves by the hour. ``WeatherDay`` holds 289 slot values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from simulators.noise import SLOTS, smooth, smooth_day, unit

_COLDEST_DAY = 22
_SUNRISE_MEAN_H, _SUNSET_MEAN_H = 6.05, 18.1


@dataclass(frozen=True, slots=True)
class WeatherDay:
    """Outdoor temperature in ℃, relative humidity in %, PM2.5 in µg/m³ and sun as a share of a clear summer noon."""

    temperature: tuple[float, ...]
    humidity: tuple[float, ...]
    pm25: tuple[float, ...]
    sun: tuple[float, ...]


def _season(year_day: int) -> float:
    """-1 on the coldest day of the year, 1 on the warmest."""
    return -math.cos(2 * math.pi * (year_day - _COLDEST_DAY) / 365.25)


def _joined(today: float, tomorrow: float) -> list[float]:
    """A straight line over the day, so that nothing jumps at midnight."""
    return [today + (tomorrow - today) * slot / SLOTS for slot in range(SLOTS + 1)]


def _base(seed: int, day: int, year_day: int) -> float:
    return 17 + 11.5 * _season(year_day) + 4 * smooth(day, 3, seed, "spell")


def _haze(seed: int, day: int, year_day: int) -> float:
    return 38 - 18 * _season(year_day) + 22 * smooth(day, 4, seed, "haze")


def _temperatures(seed: int, day: int, year_day: int) -> list[float]:
    base = _joined(_base(seed, day, year_day), _base(seed, day + 1, year_day + 1))
    swing = _joined(*(3.2 + 1.3 * smooth(d, 2, seed, "swing") for d in (day, day + 1)))
    wander = smooth_day(day, seed, "air", hours=3)
    daily = [math.cos(2 * math.pi * (slot / SLOTS - 14.5 / 24)) for slot in range(SLOTS + 1)]
    return [b + s * c + 0.8 * w for b, s, c, w in zip(base, swing, daily, wander, strict=True)]


def _sun(seed: int, day: int, season: float) -> list[float]:
    overcast = unit(seed, day, "overcast") ** 1.5
    rise, fall = _SUNRISE_MEAN_H - 0.95 * season, _SUNSET_MEAN_H + 0.95 * season
    strength = 0.78 + 0.22 * season
    values = []
    for slot, cloud in enumerate(smooth_day(day, seed, "cloud")):
        share = (slot / 12 - rise) / (fall - rise)
        bell = math.sin(math.pi * share) ** 1.3 if 0 < share < 1 else 0.0
        cover = min(1.0, max(0.0, overcast + 0.25 * cloud))
        values.append(strength * bell * (1 - 0.8 * cover))
    return values


@lru_cache(maxsize=16)
def weather_day(seed: int, day: int, year_day: int) -> WeatherDay:
    """The weather of one local day, from midnight to midnight; it joins the next day's."""
    heat = _temperatures(seed, day, year_day)
    damp = smooth_day(day, seed, "damp", hours=4)
    dust = smooth_day(day, seed, "dust", hours=2)
    haze = _joined(_haze(seed, day, year_day), _haze(seed, day + 1, year_day + 1))
    humidity = [min(99.0, max(25.0, 66 + 14 * d - 0.9 * (t - 17))) for t, d in zip(heat, damp, strict=True)]
    pm25 = [max(4.0, h * (1 + 0.3 * d)) for h, d in zip(haze, dust, strict=True)]
    return WeatherDay(tuple(heat), tuple(humidity), tuple(pm25), tuple(_sun(seed, day, _season(year_day))))
