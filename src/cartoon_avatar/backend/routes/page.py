"""The web page at the root, and for programs what this service is."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

router = APIRouter()

_PAGE = Path(__file__).parent.parent / "page"


@router.get("/", include_in_schema=False)
async def get_page(request: Request) -> Response:
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
    return FileResponse(_PAGE / "index.html", headers={"Vary": "Accept"})


def mount(app: FastAPI) -> None:
    app.mount("/page", StaticFiles(directory=_PAGE), name="page")
