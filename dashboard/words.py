"""Numbers, times and comparisons as staff read them. Pure: values and a language in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboard.language import Language
from gateway.query.views import Comparison

DASH = "—"
WHOLE_UNITS = {"ppm", "µg/m³", "%", "W", "ppb", "L/h"}
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WAN = 10_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its unit, shown side by side in two sizes."""

    text: str
    unit: str

    def __str__(self) -> str:
        return f"{self.text} {self.unit}".strip()


def figure(value: float | None, unit: str, language: Language) -> Figure:
    """``—`` when not known; thousands separated; Chinese counts in 万 above 100 000 (UX 3)."""
    shown_unit = "" if unit == "1" else unit
    if value is None:
        return Figure(DASH, shown_unit)
    if language.code == "zh" and abs(value) >= 10 * WAN:
        return Figure(f"{value / WAN:,.2f}", f"万{shown_unit}")
    return Figure(f"{value:,.{decimals(value, unit)}f}", shown_unit)


def decimals(value: float, unit: str) -> int:
    if unit in WHOLE_UNITS or abs(value) >= 10_000:
        return 0
    return 1 if abs(value) >= 10 or unit == "℃" else 2


def percent(part: float, whole: float) -> str:
    """Rounded down, so that 100 % always means all of it."""
    if whole <= 0:
        return DASH
    tenths = int(part / whole * 1000)
    return f"{tenths / 10:.1f}%" if tenths % 10 and tenths < 1000 else f"{tenths // 10}%"


@dataclass(frozen=True, slots=True)
class Times:
    """Times in the site's zone, in words."""

    zone: ZoneInfo
    language: Language
    now_ms: int

    def local(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self.zone)

    def clock(self, ms: int | None) -> str:
        return DASH if ms is None else f"{self.local(ms):%H:%M}"

    def day(self, ms: int) -> str:
        moment = self.local(ms)
        return f"{moment:%Y-%m-%d} {self.weekday(moment)}"

    def weekday(self, moment: datetime) -> str:
        return self.language(f"weekday.{moment.weekday()}")

    def stamp(self, ms: int | None) -> str:
        """Time alone for today, with the day before that."""
        if ms is None:
            return DASH
        moment, today = self.local(ms), self.local(self.now_ms)
        if moment.date() == today.date():
            return f"{moment:%H:%M}"
        return f"{moment:%m-%d %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d %H:%M}"

    def iso(self, ms: int) -> str:
        return self.local(ms).isoformat(timespec="seconds")

    def span(self, ms: float) -> str:
        """A length of time in its largest sensible unit."""
        minutes = max(0, int(ms // MINUTE_MS))
        if minutes < 60:
            return self.language("time.minutes", n=minutes)
        if minutes < 48 * 60:
            return self.language("time.hours", n=f"{minutes / 60:.1f}".removesuffix(".0"))
        return self.language("time.days", n=minutes // 1440)

    def ago(self, ms: int | None) -> str:
        if ms is None:
            return self.language("time.never")
        if self.now_ms - ms < MINUTE_MS:
            return self.language("time.just_now")
        return self.language("time.ago", span=self.span(self.now_ms - ms))


@dataclass(frozen=True, slots=True)
class Change:
    """A comparison in words: the base, an arrow with a word, and the figure; or why there is none."""

    base: str
    arrow: str
    word: str
    pct: str
    reason: str


def change(comparison: Comparison | None, base_name: str, language: Language) -> Change | None:
    """``较上周三同时刻 ▼ 下降 8.2%``. Neutral arrows: less is not always better."""
    if comparison is None:
        return None
    pct = comparison.change_pct
    if pct is None:
        reason = comparison.reason or "none"
        key = f"compare.reason.{reason}"
        return Change(base_name, "", "", DASH, language(key) if language.has(key) else reason)
    if abs(pct) < 0.05:
        return Change(base_name, "■", language("compare.same"), "0%", "")
    word = language("compare.up" if pct > 0 else "compare.down")
    return Change(base_name, "▲" if pct > 0 else "▼", word, f"{abs(pct):.1f}%", "")
