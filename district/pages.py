"""The pages: schools at a glance, and one school with its points and days. Read-only, no script, all text escaped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from district import incidents, reads, words
from district.contract import Fault
from district.database import Connection
from district.figures import DayValue, Incident, OpenEvent, PointTotal, School
from district.keys import ID
from district.refusal import STATUS, Refusal
from district.service import Service
from district.spans import Spans, spans
from district.words import Language

LATE_AFTER_MS = 20 * 60 * 1000
"""A gateway that is well closes a slot each quarter-hour and sends it within a minute."""
OFFLINE_AFTER_MS = 24 * 60 * 60 * 1000
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

LanguageQuery = Annotated[str, Query(alias="lang", max_length=10)]

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: in which language, and when. What templates use to word and to format."""

    language: Language
    now: int

    def t(self, name: str) -> str:
        return words.word(name, self.language)

    def age(self, at: int) -> str:
        return words.age((self.now - at) / 1000, self.language)

    def when(self, at: int, timezone: str) -> str:
        """``11-22 周日 13:19`` in the school's own time."""
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(timezone))
        weekday = WEEKDAYS[local.weekday()] if self.language == "zh" else f"{local:%a}"
        return f"{local:%m-%d} {weekday} {local:%H:%M}"

    def status(self, contact_at: int | None) -> str:
        """never, offline, late or normal."""
        if contact_at is None:
            return "never"
        silent = self.now - contact_at
        return "offline" if silent > OFFLINE_AFTER_MS else "late" if silent > LATE_AFTER_MS else "normal"

    def link(self, path: str) -> str:
        return path if self.language == "zh" else f"{path}?lang=en"

    def label(self, point: PointTotal) -> str:
        """The point's own name in the reader's language, or its id."""
        return (point.label_zh if self.language == "zh" else point.label_en) or point.point


@dataclass(frozen=True, slots=True)
class SchoolPage:
    school: School
    when: Spans
    events: list[OpenEvent]
    points: list[PointTotal]
    days: dict[str, dict[int, DayValue]]
    incidents: list[Incident]


def page_routes(service: Service) -> APIRouter:
    """GET only. ``?lang=en`` gives the English page; anything else the Chinese one."""
    router = APIRouter(default_response_class=HTMLResponse)

    @router.get("/")
    async def overview(language: LanguageQuery = "zh") -> HTMLResponse:
        reader = _reader(service, language)
        try:
            schools, events = await service.read(
                lambda connection: (reads.schools(connection, reader.now), reads.open_events(connection))
            )
        except Refusal as refusal:
            return _refused(reader, "/", "unavailable", refusal.status)
        return _page("overview.html", reader, "/", schools=schools, events=events)

    @router.get("/schools/{site}")
    async def one_school(site: str, language: LanguageQuery = "zh") -> HTMLResponse:
        reader = _reader(service, language)
        path = f"/schools/{quote(site, safe='')}"
        if not ID.fullmatch(site):
            return _refused(reader, path, "not_found", STATUS[Fault.NOT_FOUND])
        try:
            page = await service.read(lambda connection: _school_page(connection, site, reader.now))
        except Refusal as refusal:
            return _refused(reader, path, "unavailable", refusal.status)
        if page is None:
            return _refused(reader, path, "not_found", STATUS[Fault.NOT_FOUND])
        return _page("school.html", reader, path, page=page)

    return router


def _reader(service: Service, language: str) -> Reader:
    return Reader("en" if language == "en" else "zh", service.clock.now_ms())


def _refused(reader: Reader, path: str, reason: str, status: int) -> HTMLResponse:
    return _page("refused.html", reader, path, status=status, reason=reader.t(reason))


def _school_page(connection: Connection, site: str, now_ms: int) -> SchoolPage | None:
    found = reads.schools(connection, now_ms, site)
    if not found:
        return None
    when = spans(now_ms, found[0].timezone)
    return SchoolPage(
        school=found[0],
        when=when,
        events=reads.open_events(connection, site, level_max=4),
        points=reads.totals(connection, site, when.today, now_ms),
        days=reads.day_values(connection, site, when.days[0][1], when.today),
        incidents=incidents.of_site(connection, site),
    )


def _page(template: str, reader: Reader, path: str, status: int = 200, **values: object) -> HTMLResponse:
    other = f"{path}?lang=en" if reader.language == "zh" else path
    text = _templates.get_template(template).render(
        r=reader, t=reader.t, number=words.number, percent=words.percent, other_language=other, **values
    )
    return HTMLResponse(text, status)
