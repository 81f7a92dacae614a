"""Static files: a closed list read at start, with the bundle's entry point from its manifest, if there is a bundle.

Files are served gzip-compressed where a ``.gz`` lies beside them; names with a content hash may be cached for ever.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

STATIC = Path(str(resources.files("dashboard") / "static"))
FOR_EVER, REVALIDATE = "public, max-age=31536000, immutable", "no-cache"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}


@dataclass(frozen=True, slots=True)
class Assets:
    """``script`` is the address of the bundle's entry, None when it was never built: charts are tables then."""

    files: dict[str, Path]
    style: str
    script: str | None

    def response(self, name: str, request: Request) -> Response:
        path = self.files.get(name)
        if path is None:
            return Response("not found\n", 404, media_type="text/plain")
        is_fixed = name.startswith("dist/") or "v" in request.query_params
        headers = {"Cache-Control": FOR_EVER if is_fixed else REVALIDATE, "Vary": "Accept-Encoding"}
        media_type = (
            TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        )
        packed = self.files.get(f"{name}.gz")
        if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return FileResponse(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
        return FileResponse(path, headers=headers, media_type=media_type)


def load(static: Path = STATIC) -> Assets:
    """Look at the folder once. A bundle without a readable manifest counts as none."""
    files = {
        path.relative_to(static).as_posix(): path for path in sorted(static.rglob("*")) if path.is_file()
    }
    digest = hashlib.sha256(files["app.css"].read_bytes()).hexdigest()[:12]
    return Assets(files, f"/static/app.css?v={digest}", _entry(files))


def _entry(files: dict[str, Path]) -> str | None:
    manifest = files.get("dist/manifest.json")
    if manifest is None:
        return None
    entry = json.loads(manifest.read_text(encoding="utf-8")).get("entry", "")
    return f"/static/dist/{entry}" if f"dist/{entry}" in files else None
