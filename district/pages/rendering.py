"""Templates and the one way to fill them; all text is escaped, and a name a template lacks is an error."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from district.coefficients import converted
from district.pages import words
from district.pages.reader import Reader
from district.service import Service
from district.usage import COMMODITIES, per

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def reader_of(service: Service, language: str) -> Reader:
    return Reader("en" if language == "en" else "zh", service.clock.now_ms(), service.is_tiered)


def page(
    template: str, reader: Reader, request: Request, status: int = 200, **values: object
) -> HTMLResponse:
    text = _templates.get_template(template).render(
        r=reader,
        t=reader.t,
        number=words.number,
        percent=words.percent,
        per=per,
        commodities=COMMODITIES,
        converted=converted,
        here=request.url.path,
        other_language=_other_language(reader, request),
        **values,
    )
    return HTMLResponse(text, status)


def refused(reader: Reader, request: Request, reason: str, status: int, **values: object) -> HTMLResponse:
    """A page that says why there is none; ``reason`` is a word of the catalogue."""
    return page("refused.html", reader, request, status=status, reason=reader.t(reason, **values))


def _other_language(reader: Reader, request: Request) -> str:
    """The same page in the other language."""
    query = [(key, value) for key, value in parse_qsl(request.url.query) if key != "lang"]
    if reader.language == "zh":
        query.append(("lang", "en"))
    path = quote(request.url.path, safe="/")
    return f"{path}?{urlencode(query)}" if query else path
