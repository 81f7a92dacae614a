"""The routes machines use: batches in, totals out, health and metrics. The OpenAPI document is this module's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from district import reads
from district.body import COMPRESSED_BYTES_MAX, encoding_of
from district.contract import Enrolled, Enrolment, Fault, Problem, Receipt
from district.figures import School
from district.interval_pages import Asked, IntervalPage, page
from district.keys import ID, read_authorization
from district.openapi import BATCH_REQUEST, ENROLMENT_REQUEST
from district.parcel import Parcel
from district.refusal import STATUS, Refusal
from district.service import Service, unauthorized
from district.spans import LAST_MS
from district.tiers import TiersView
from district.tiers_said import health_of, metrics_text
from district.wire import HealthAnswer, Totals
from runtime.health import Health

BODY_DEADLINE_S = 30.0
ENROLMENT_BYTES_MAX = 4096
DRAINED_BYTES_MAX = 4 * COMPRESSED_BYTES_MAX
PROBLEMS: dict[int | str, dict[str, Any]] = {
    STATUS[fault]: {"model": Problem} for fault in (Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.UNAVAILABLE)
}
BATCH_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in sorted(set(STATUS.values()))
}
ENROLMENT_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    **{
        STATUS[fault]: {"model": Problem}
        for fault in (Fault.DAMAGED, Fault.INVALID, Fault.TOO_LARGE, Fault.TOO_MANY)
    },
}


SiteId = Annotated[str, PathParameter(pattern=f"^{ID.pattern}$")]
READING_PROBLEMS: dict[int | str, dict[str, Any]] = {
    STATUS[fault]: {"model": Problem} for fault in (Fault.NOT_FOUND, Fault.INVALID, Fault.UNAVAILABLE)
}


def ingest_routes(service: Service, view: TiersView, *, with_names: bool) -> APIRouter:
    """What a gateway and a watchdog need: safe to serve on any address. ``with_names``: health names the districts above."""
    router = APIRouter()

    @router.post(
        "/v1/batches",
        response_model=Receipt,
        responses=BATCH_PROBLEMS,
        openapi_extra=BATCH_REQUEST,
    )
    async def take_batch(request: Request) -> Response:
        """Take in one stored stretch of a gateway's change feed. Sending it again has no second effect."""
        signed = read_authorization(request.headers.get("authorization", ""))
        if signed is None:
            raise unauthorized()
        key_sha256 = await service.key_digest(signed)  # a stranger's body is not read
        service.count_batch(signed)
        _refuse_unmeasured(request)
        encoding = encoding_of(request.headers.getlist("content-encoding"))
        raw = await _body_of(request, COMPRESSED_BYTES_MAX)
        receipt = await service.take(signed, key_sha256, Parcel(raw, encoding))
        return Response(receipt.model_dump_json(), media_type="application/json")

    @router.post(
        "/v1/enrolments",
        response_model=Enrolled,
        responses=ENROLMENT_PROBLEMS,
        openapi_extra=ENROLMENT_REQUEST,
    )
    async def enrol(request: Request) -> Enrolled:
        """Give a one-time token, get the gateway's key. It is told this once."""
        raw = await _body_of(request, ENROLMENT_BYTES_MAX)
        try:
            token = Enrolment.model_validate_json(raw).token
        except ValidationError as error:
            raise Refusal(Fault.INVALID, f"the body is no enrolment: {error.errors()[0]['msg']}") from error
        return await service.redeem(token, request.client.host if request.client else "")

    @router.get("/healthz", response_model=HealthAnswer, responses={503: {"model": HealthAnswer}})
    async def healthz() -> Response:
        """200 when the database answers and the queue, where one is used, 503 with the problem when one does not."""
        health = await _health(service, view, with_names=with_names)
        return Response(health.body(), 503 if health.problems else 200, media_type="application/json")

    return router


def reading_routes(service: Service, view: TiersView) -> APIRouter:
    """What tells about schools; served where the pages are."""
    router = APIRouter()

    @router.get("/v1/sites", responses={503: {"model": Problem}})
    async def list_sites() -> list[School]:
        """Every enrolled school with its last contact, completeness and totals."""
        return await service.read(lambda connection: reads.schools(connection, service.clock.now_ms()))

    @router.get("/v1/sites/{site}/totals", responses=READING_PROBLEMS)
    async def site_totals(
        site: SiteId,
        start: Annotated[int, Query(alias="from", ge=0, le=LAST_MS, description="UTC epoch ms")] = 0,
        end: Annotated[int, Query(alias="to", ge=0, le=LAST_MS, description="UTC epoch ms")] = LAST_MS,
    ) -> Totals:
        """Consumption, outer registers and slot counts of every point of a school over a span."""
        if not await service.read(lambda connection: reads.is_known(connection, site)):
            raise Refusal(Fault.NOT_FOUND, f"no school {site!r} is enrolled here")
        points = await service.read(lambda connection: reads.totals(connection, site, start, end))
        return Totals(site=site, start=start, end=end, points=points)

    @router.get("/v1/sites/{site}/intervals", responses=READING_PROBLEMS)
    async def site_intervals(site: SiteId, asked: Annotated[Asked, Query()]) -> IntervalPage:
        """Intervals that begin in [from, to), or in the days from first_day to last_day, by start and point."""
        return await service.read(lambda connection: page(connection, site, asked))

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus text."""
        tiers = None
        with suppress(Refusal):  # said by district_database_reachable and in the log
            tiers = await view.tiers()
        own = generate_latest(service.metrics.registry)
        return Response(own + metrics_text(tiers, service.clock.now_ms()), media_type=CONTENT_TYPE_LATEST)

    return router


async def _health(service: Service, view: TiersView, *, with_names: bool) -> Health:
    try:
        count = await service.read(reads.count_sites)
        tiers = await view.tiers()
    except Refusal as refusal:
        return Health((str(refusal),))
    problems = ("the queue does not answer",) if tiers.is_queue_away else ()
    said = health_of(tiers, service.clock.now_ms(), is_named=with_names)
    return Health(problems, {"sites": count, **said})


def _refuse_unmeasured(request: Request) -> None:
    """A request that says neither how long its body is nor that it comes in chunks has none (RFC 9112, 6.3). Judged as an
    empty one it would be told that its signature is wrong, and somebody would enrol the gateway again for nothing."""
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        raise Refusal(
            Fault.DAMAGED,
            "the request has neither Content-Length nor Transfer-Encoding, hence no body; send one",
        )


async def _body_of(request: Request, bytes_max: int) -> bytes:
    """The body as sent. One that is too large is read on for a while and thrown away: a client that is cut off in the
    middle of sending would see a broken connection instead of the reason."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= bytes_max:
                    chunks.append(chunk)
                if size > DRAINED_BYTES_MAX:
                    break
    except TimeoutError as error:
        raise Refusal(Fault.DAMAGED, f"the body did not arrive within {BODY_DEADLINE_S:g} s") from error
    if size > bytes_max:
        raise Refusal(Fault.TOO_LARGE, f"the body is larger than {bytes_max} bytes; send less at a time")
    return b"".join(chunks)
