"""Who reads a page: in which language, and when. What templates use to word and to format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from district.figures import Completeness
from district.pages import words
from district.pages.words import Language

LATE_AFTER_MS = 20 * 60 * 1000
"""A gateway that is well closes a slot each quarter-hour and sends it within a minute."""
OFFLINE_AFTER_MS = 24 * 60 * 60 * 1000
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_REASON = re.compile(r"[a-z_]+[a-z]")
"""A gateway may add numbers to its word: ``tail_lost 5-9``."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TENTH_PERCENT = 0.001
MIB = 1024 * 1024
LEAST_SHOWN = 1e-6
"""Less is the dust of dividing: a second of a month is a share of 4e-7."""


@dataclass(frozen=True, slots=True)
class Reader:
    """``is_tiered``: this district hands on to others or takes in through a queue, and its pages lead there."""

    language: Language
    now: int
    is_tiered: bool = False

    def t(self, name: str, **values: object) -> str:
        """A word of the catalogue; ``values`` fill its places."""
        found = words.word(name, self.language)
        return found.format(**values) if values else found

    def age(self, at: int) -> str:
        return words.age((self.now - at) / 1000, self.language)

    def when(self, at: int, timezone: str) -> str:
        """``11-22 周日 13:19`` in the school's own time; the year too where it is not this one."""
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(timezone))
        return f"{self._date(local.date(), timezone)} {local:%H:%M}"

    def day(self, day: date) -> str:
        return f"{day:%m-%d} {self.weekday(day)}"

    def weekday(self, day: date) -> str:
        return self.weekday_name(day.weekday())

    def weekday_name(self, number: int) -> str:
        """0 is Monday: the week begins there."""
        return (WEEKDAYS if self.language == "zh" else DAYS)[number]

    def _date(self, day: date, timezone: str) -> str:
        this_year = datetime.fromtimestamp(self.now / 1000, UTC).astimezone(ZoneInfo(timezone)).year
        return self.day(day) if day.year == this_year else f"{day.year}-{self.day(day)}"

    def status(self, contact_at: int | None) -> str:
        """never, offline, late or normal."""
        if contact_at is None:
            return "never"
        silent = self.now - contact_at
        return "offline" if silent > OFFLINE_AFTER_MS else "late" if silent > LATE_AFTER_MS else "normal"

    def link(self, path: str, **query: object) -> str:
        """A path of ours with its query; the language goes along. ``None`` leaves a key out."""
        found = {key: str(value) for key, value in query.items() if value is not None}
        if self.language == "en":
            found["lang"] = "en"
        return f"{path}?{urlencode(found)}" if found else path

    def school(self, site: str, rest: str = "", **query: object) -> str:
        return self.link(f"/schools/{quote(site, safe='')}{rest}", **query)

    def label(self, zh: str, en: str, name: str) -> str:
        """What a gateway calls a thing in the reader's language, or its id."""
        return (zh if self.language == "zh" else en) or name

    def kind(self, kind: str | None) -> str:
        """The kind of a school; a word we do not know is shown as it came."""
        return words.known(f"kind_{kind or 'unknown'}", self.language) or str(kind)

    def reason(self, reason: str) -> str:
        """Why readings are gone: the gateway's word, and ours for it where we know one."""
        found = _REASON.match(reason)
        return (words.known(f"gap_{found[0]}", self.language) if found else None) or reason

    def code(self, code: str) -> str:
        """What an energy code counts: its class, and of electricity its sub-item."""
        if not code:
            return self.t("code_none")
        item = words.known(f"item_{code[2:3]}", self.language) if code.startswith("01") else None
        return item or words.known(f"code_{code[:2]}", self.language) or code

    def bytes(self, count: int) -> str:
        """KiB, or MiB from a tenth of one on."""
        return f"{count / MIB:.1f} MiB" if count >= MIB / 10 else f"{count / 1024:.1f} KiB"

    def percent(self, rate: float | None) -> str:
        return words.percent(rate)

    def rate(self, found: Completeness) -> str:
        return words.percent(found.rate)

    def shown(self, share: float | None) -> bool:
        """Whether there is such a share at all, however small."""
        return share is not None and share >= LEAST_SHOWN

    def share(self, share: float | None) -> str:
        """A share that is estimated or missing: never rounded to nothing."""
        if share is not None and share < TENTH_PERCENT:
            return "<0.1%"
        return words.percent(share)
