"""What may go from the buffer, and when: retention by age, and earlier where the budget is nearly used. Pure.

ARCHITECTURE 13: raw readings 14 days, quarter-hours 400 days, hours 3 years, days and months for ever, records 3 years.
From 80 % of the budget on first the delivered changes, then raw readings older than 3 days that are in an interval; from
95 % quarter-hours older than 32 days. Never by pressure: undelivered changes, hours, events, records, and raw readings
that are in no interval. At 100 % nothing more is taken in.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.slots import quarter_start

DAY_MS = 86_400_000
RAW_DAYS, RAW_EARLY_DAYS = 14, 3
QUARTER_DAYS, QUARTER_EARLY_DAYS = 400, 32
HOUR_DAYS = RECORD_DAYS = 3 * 365
TIGHT, TIGHTER, FULL = 0.80, 0.95, 1.00
"""Parts of the budget in use; see above."""
CATCH_UP_MS = 120_000
"""A day an hour at a tick every 5 s; see ``due_time``."""
ROOM_AGAIN = 0.98
"""A buffer that was full takes readings again below this part, not at the first free page."""


@dataclass(frozen=True, slots=True)
class Horizons:
    """What lies before each instant (UTC ms) may go. ``raw`` by the time a reading was received, whatever became of it;
    ``raw_in_interval`` those that an interval holds. ``changes`` are those every uplink is past, a paused one too while there
    is room."""

    changes: int
    raw: int
    raw_in_interval: int
    quarters: int
    hours: int
    records: int


def horizons(now: int, fill: float) -> Horizons:
    """``fill`` is the part of the budget in use. Horizons of raw readings are whole quarter-hours, those of intervals and
    records whole days of UTC, so that a slot goes as a whole and a sweep has work once in each."""
    raw = quarter_start(now - RAW_DAYS * DAY_MS)
    quarters = QUARTER_DAYS if fill < TIGHTER else QUARTER_EARLY_DAYS
    return Horizons(
        changes=raw if fill < TIGHT else now,
        raw=raw,
        raw_in_interval=raw if fill < TIGHT else quarter_start(now - RAW_EARLY_DAYS * DAY_MS),
        quarters=_day(now - quarters * DAY_MS),
        hours=_day(now - HOUR_DAYS * DAY_MS),
        records=_day(now - RECORD_DAYS * DAY_MS),
    )


def due_time(now: int, before: int | None, catch_up_ms: int) -> int:
    """The instant that retention goes by at a tick: our clock, but at most ``catch_up_ms`` beyond that of the tick before. A
    clock that leaps ahead by years then costs minutes of history and not all of it; after months without power the rest
    goes over days. None: there was no tick before."""
    return now if before is None else min(now, before + catch_up_ms)


def refuses(fill: float, refused: bool) -> bool:
    """Whether new readings must wait at their sources; ``refused`` is whether they do now."""
    return fill >= (ROOM_AGAIN if refused else FULL)


def _day(ms: int) -> int:
    return ms - ms % DAY_MS
