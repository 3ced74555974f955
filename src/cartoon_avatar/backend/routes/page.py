"""The web page at the root, and for programs what this service is."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from typing_extensions import override

from cartoon_avatar.backend.routes.parameters import Backend

router = APIRouter()

_PAGE = Path(__file__).parent.parent / "page"
_CARD = "page/samples/card.jpg"

# No build, so no hashes in the names: a browser revalidates each file on every use.
_ALWAYS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
_OURS_ALONE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_DOCUMENT = {
    **_ALWAYS,
    "Content-Security-Policy": _OURS_ALONE,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
# Swagger UI writes style attributes.
_DOCS = {
    **_DOCUMENT,
    "Content-Security-Policy": _OURS_ALONE.replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    ),
}


@router.get("/", include_in_schema=False)
async def get_page(request: Request, backend: Backend) -> Response:
    """The page for a browser; a short self-description for a program that accepts JSON."""
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        links = {
            "docs": "/docs",
            "openapi": "/openapi.json",
            "styles": "/api/styles",
            "originals": "/api/originals",
            "downloadedFaces": "/api/downloaded-faces",
            "health": "/healthz",
            "readiness": "/readyz",
        }
        described = {
            "name": "cartoon-avatar",
            "version": version("cartoon-avatar"),
            "links": links,
        }
        return JSONResponse(described, headers={"Vary": "Accept"})
    headers = {**_DOCUMENT, "Vary": "Accept"}
    public_url = backend.settings.public_url
    if public_url is None:
        return FileResponse(_PAGE / "index.html", headers=headers)
    # Link previews need an absolute address; only PUBLIC_URL gives one.
    page = (_PAGE / "index.html").read_text()
    card = f"{str(public_url).rstrip('/')}/{_CARD}"
    return HTMLResponse(page.replace(f'content="{_CARD}"', f'content="{card}"'), headers=headers)


@router.get("/docs", include_in_schema=False)
async def get_docs() -> Response:
    """The API reference, from our own files: FastAPI's would load Swagger UI from elsewhere."""
    return FileResponse(_PAGE / "docs" / "index.html", headers=_DOCS)


@router.get("/page/docs/swagger-ui-bundle.js", include_in_schema=False)
async def get_docs_script() -> Response:
    return FileResponse(
        _PAGE / "docs" / "swagger-ui-bundle.js.gz",
        headers={**_ALWAYS, "Content-Encoding": "gzip"},
        media_type="text/javascript",
    )


@router.get("/favicon.ico", include_in_schema=False)
async def get_favicon() -> Response:
    """For clients that request /favicon.ico without reading the page."""
    return FileResponse(_PAGE / "icons" / "favicon.ico", headers=_ALWAYS)


class _PageFiles(StaticFiles):
    @override
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_ALWAYS)
        return response


def mount(app: FastAPI) -> None:
    app.mount("/page", _PageFiles(directory=_PAGE), name="page")
