"""Air in rooms: CO₂ that climbs while a class breathes, heat, damp and dust that come from outside.

A room is one truth: two sensors in it agree. Most rooms stay under 1500 ppm; the one classroom with the fullest class
and the tightest windows often does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.noise import SLOTS, smooth_day, span, unit
from simulators.schoolday import Almanac, DayKind
from simulators.weather import WeatherDay, weather_day

FRESH_PPM = 425.0
_GAIN_PPM = 66.0
"""What an ordinary full class adds to an ordinary classroom in five minutes."""
_LESSON_LOSS, _BREAK_LOSS, _EMPTY_LOSS = 0.06, 0.26, 0.11
"""Share of the excess that goes in five minutes: windows closed, doors open, room empty and airing."""
_STUDY_SLOTS = range(int(18.5 * 12), int(20.5 * 12))


@dataclass(frozen=True, slots=True)
class Room:
    """One room; ``crowd`` is people against an ordinary class, ``leaky`` how well it airs against an ordinary room."""

    name: str
    seed: int
    crowd: float
    leaky: float
    evening_study: bool


@dataclass(frozen=True, slots=True)
class RoomDay:
    """289 slot values each; ``people`` is the share of a full room, ``warm`` the same with the room's inertia."""

    people: tuple[float, ...]
    warm: tuple[float, ...]
    co2: tuple[float, ...]


def room(name: str, seed: int, stuffy: bool) -> Room:
    if stuffy:
        return Room(name, seed, 1.55, 0.6, evening_study=True)
    crowd, leaky = span(0.62, 0.98, seed, name, "crowd"), span(0.95, 1.35, seed, name, "leaky")
    return Room(name, seed, crowd, leaky, unit(seed, name, "study") < 0.5)


def _people(room: Room, almanac: Almanac, day: int) -> list[float]:
    lessons = almanac.lesson_slots(day)
    used = [1.0 if unit(room.seed, room.name, day, hour) < 0.88 else 0.1 for hour in range(24)]
    people = [used[slot // 12] if on else 0.0 for slot, on in enumerate(lessons)]
    if room.evening_study and almanac.kind(day) is DayKind.SCHOOL:
        for slot in _STUDY_SLOTS:
            people[slot] = 0.8
    return [*people, 0.0]


def _loss(room: Room, people: float, was_used: bool, outside: float) -> float:
    windows = 1.5 if 17 <= outside <= 26 else 1.15 if outside > 12 else 0.95
    if people > 0.2:
        return _LESSON_LOSS * room.leaky * windows
    return _BREAK_LOSS if was_used else _EMPTY_LOSS


def room_day(room: Room, almanac: Almanac, day: int) -> RoomDay:
    """One day of a room, slot by slot from fresh air at midnight."""
    outside = weather_day(room.seed, day, almanac.year_day(day)).temperature
    people = _people(room, almanac, day)
    co2, warm = [FRESH_PPM], [0.0]
    for slot in range(SLOTS):
        used = any(people[max(0, slot - 3) : slot])
        loss = _loss(room, people[slot], used, outside[slot])
        excess = co2[-1] - FRESH_PPM
        co2.append(FRESH_PPM + excess + _GAIN_PPM * room.crowd * people[slot] - loss * excess)
        warm.append(warm[-1] + 0.12 * (people[slot] * room.crowd - warm[-1]))
    return RoomDay(tuple(people), tuple(warm), tuple(co2))


def indoor_temperature(room: Room, weather: WeatherDay, air: RoomDay, day: int) -> list[float]:
    """Inside follows outside at a distance; people and air conditioning bring it towards 22 ℃."""
    drift = smooth_day(day, room.seed, room.name, "heat", hours=3)
    values = []
    for outside, warm, noise in zip(weather.temperature, air.warm, drift, strict=True):
        idle = 20.5 + 0.38 * (outside - 18)
        values.append(idle + (23.0 - idle) * 0.6 * min(1.0, warm) + 1.2 * warm + 0.5 * noise)
    return values


def indoor_humidity(room: Room, weather: WeatherDay, air: RoomDay, day: int) -> list[float]:
    drift = smooth_day(day, room.seed, room.name, "damp", hours=4)
    return [
        min(95.0, max(20.0, 0.75 * outside + 12 + 5 * warm + 3 * noise))
        for outside, warm, noise in zip(weather.humidity, air.warm, drift, strict=True)
    ]


def indoor_pm25(room: Room, weather: WeatherDay, air: RoomDay, day: int) -> list[float]:
    drift = smooth_day(day, room.seed, room.name, "dust", hours=1)
    return [
        max(2.0, 0.5 * outside + 9 * warm + 4 * noise)
        for outside, warm, noise in zip(weather.pm25, air.warm, drift, strict=True)
    ]
