"""The web application put together: routes, pages, one shape for every refusal, security headers."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from district.api import ingest_routes, reading_routes
from district.contract import Fault, Problem
from district.guard import OriginForm, OwnPages, SecurityHeaders
from district.keys import SCHEME
from district.openapi import document
from district.pages.routes import page_routes
from district.refusal import STATUS, Refusal
from district.service import Service
from district.tiers import TiersView
from runtime import logs

RETRY_AFTER_S = 5


def create_app(service: Service, *, with_pages: bool = True, pages_stay_here: bool = False) -> ASGIApp:
    """``with_pages`` off leaves only what a gateway needs: there is no login yet, so pages stay on this machine;
    ``pages_stay_here`` shows them to nobody else whoever hands the question on."""
    app = FastAPI(
        title="Campus Gateway district",
        description="Receives the change feeds of school gateways; every change has its effect exactly once.",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    view = TiersView(service)
    app.include_router(ingest_routes(service, view, with_names=with_pages))
    if with_pages:
        app.include_router(reading_routes(service, view))
        app.include_router(page_routes(service, view), include_in_schema=False)
        app.mount("/static", StaticFiles(directory=Path(__file__).parent / "pages" / "static"))
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    _answer_in_one_shape(app)
    return SecurityHeaders(OriginForm(OwnPages(app) if pages_stay_here else app))


def _answer_in_one_shape(app: FastAPI) -> None:
    log = logs.get("district")

    @app.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> Response:
        return _problem(refusal.status, refusal.problem, refusal.retry_after_s)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return _problem(
            422, Problem(error=Fault.INVALID, detail=f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        )

    @app.exception_handler(HTTPException)
    async def not_served(_: Request, error: HTTPException) -> Response:
        fault = Fault.NOT_FOUND if error.status_code == STATUS[Fault.NOT_FOUND] else Fault.INVALID
        return _problem(error.status_code, Problem(error=fault, detail=error.detail))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request failed", path=request.url.path, exc_info=error)
        return _problem(
            500, Problem(error=Fault.UNAVAILABLE, detail="the district failed to answer; its log says why")
        )


def _problem(status: int, problem: Problem, retry_after_s: int = 0) -> Response:
    headers = {}
    if status == STATUS[Fault.UNAVAILABLE] or retry_after_s:
        headers["retry-after"] = str(retry_after_s or RETRY_AFTER_S)
    if status == STATUS[Fault.UNAUTHORIZED]:
        headers["www-authenticate"] = SCHEME
    return JSONResponse(problem.model_dump(mode="json"), status, headers)
