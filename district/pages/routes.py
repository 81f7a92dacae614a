"""The pages: schools at a glance, one school's month, a month's report. Read-only, no script, all text escaped."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from district import hub, months, reads, school_reads
from district.coefficients import SETS
from district.contract import Fault
from district.keys import ID
from district.pages import overview, tier_reads
from district.pages.rendering import page, reader_of, refused
from district.pages.school_page import school_page
from district.pages.tier_notices import notices
from district.refusal import STATUS, Refusal
from district.service import Service
from district.sheets.exports import export_routes
from district.tiers import TiersView

POINTS_MAX = 400
"""Rows of a page's table; an export has them all."""

LanguageQuery = Annotated[str, Query(alias="lang", max_length=10)]
MonthQuery = Annotated[str, Query(max_length=10)]
WordQuery = Annotated[str, Query(max_length=100)]


def page_routes(service: Service, view: TiersView) -> APIRouter:
    """GET only. ``?lang=en`` gives the English page; anything else the Chinese one."""
    router = APIRouter(default_response_class=HTMLResponse)
    _overview(router, service, view)
    _school(router, service)
    _report(router, service)
    _upstreams(router, service, view)
    router.include_router(export_routes(service))
    return router


def _overview(router: APIRouter, service: Service, view: TiersView) -> None:
    @router.get("/")
    async def schools(
        request: Request,
        language: LanguageQuery = "zh",
        sort: WordQuery = "name",
        direction: Annotated[str, Query(alias="dir", max_length=10)] = "up",
        commodity: Annotated[str, Query(alias="c", max_length=20)] = "electricity",
        kind: WordQuery = "",
    ) -> HTMLResponse:
        """Every school; ``sort``, ``dir`` (up, down), ``c`` (electricity, water) and ``kind`` say which and in what order."""
        reader = reader_of(service, language)
        try:
            campus, every, events = await service.read(
                lambda connection: (
                    hub.site_of(connection),
                    school_reads.lines(connection, reader.now),
                    reads.open_events(connection),
                )
            )
            tiers = await view.tiers()
        except Refusal as refusal:
            return refused(reader, request, "unavailable", refusal.status)
        found = overview.overview(every, overview.order(sort, direction, commodity), kind or None)
        return page(
            "overview.html",
            reader,
            request,
            page=found,
            events=events,
            campus=campus,
            tiers=notices(tiers, reader),
        )


def _school(router: APIRouter, service: Service) -> None:
    @router.get("/schools/{site}")
    async def one_school(
        request: Request, site: str, language: LanguageQuery = "zh", month: MonthQuery = ""
    ) -> HTMLResponse:
        """One school's month; its current one unless ``month`` (2026-11) says another."""
        reader = reader_of(service, language)
        wanted = months.parse(month)
        if not ID.fullmatch(site):
            return refused(reader, request, "not_found", STATUS[Fault.NOT_FOUND])
        if month and wanted is None:
            return refused(reader, request, "bad_month", STATUS[Fault.INVALID])
        try:
            found = await service.read(lambda connection: school_page(connection, site, wanted, reader.now))
        except Refusal as refusal:
            return refused(reader, request, "unavailable", refusal.status)
        if found is None:
            return refused(reader, request, "not_found", STATUS[Fault.NOT_FOUND])
        return page("school.html", reader, request, page=found, points_max=POINTS_MAX)


def _report(router: APIRouter, service: Service) -> None:
    @router.get("/reports")
    async def report(
        request: Request,
        language: LanguageQuery = "zh",
        month: MonthQuery = "",
        coefficients: Annotated[str, Query(alias="set", max_length=50)] = "",
    ) -> HTMLResponse:
        """A month's report over all schools; ``set`` names the coefficients to convert with."""
        reader = reader_of(service, language)
        wanted = months.parse(month)
        if month and wanted is None:
            return refused(reader, request, "bad_month", STATUS[Fault.INVALID])
        try:
            every = await service.read(lambda connection: school_reads.lines(connection, reader.now, wanted))
        except Refusal as refusal:
            return refused(reader, request, "unavailable", refusal.status)
        shown = wanted or months.month_of(reader.now, school_reads.DISTRICT_ZONE)
        return page(
            "report.html", reader, request, lines=every, month=shown, chosen=SETS.get(coefficients), sets=SETS
        )


def _upstreams(router: APIRouter, service: Service, view: TiersView) -> None:
    @router.get("/upstreams")
    async def upstreams(request: Request, language: LanguageQuery = "zh") -> HTMLResponse:
        """What waits for the districts above and in the queue, why, and what was refused after its receipt."""
        reader = reader_of(service, language)
        try:
            tiers = await view.tiers()
            names, batches = await service.read(tier_reads.schools_and_refused)
        except Refusal as refusal:
            return refused(reader, request, "unavailable", refusal.status)
        return page(
            "upstreams.html", reader, request, tiers=tiers, names=names, batches=batches,
            zone=school_reads.DISTRICT_ZONE.key, waiting_max=service.onward.bytes_max if service.onward else None,
            rows_max=POINTS_MAX,
        )  # fmt: skip
