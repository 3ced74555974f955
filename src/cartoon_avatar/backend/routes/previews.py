"""A photo in every style, for a person to choose by their own face."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.flows.previews import previews_of
from cartoon_avatar.backend.identity import Device
from cartoon_avatar.backend.limits import limit_previews
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.parameters import Backend, Id
from cartoon_avatar.contract.boxes import MOST_FACES

router = APIRouter(prefix="/api", tags=["originals"])

# A photo in a style looks the same until the next version; a browser may keep it for as long as
# somebody looks at it.
_KEPT = "private, max-age=3600"


@router.get(
    "/originals/{originalId}/previews",
    response_model=schemas.PreviewList,
    responses=problems(*ALWAYS, 404, 422, 500),
    operation_id="previewOriginal",
)
async def list_previews(
    response: Response,
    backend: Backend,
    device: Device,
    originalId: Id,  # noqa: N803 (the contract's name, in the path)
    face: Annotated[
        int,
        Query(ge=0, lt=MOST_FACES, description="Whose portrait: an index into `faces`."),
        BeforeValidator(lambda value: 0 if value == "" else value),
    ] = 0,
) -> schemas.PreviewList:
    """One person of a photo in every style, 256 px; it counts as no drawing."""
    await limit_previews(backend, device)
    previews = await previews_of(backend, device_id=device, original_id=originalId, face=face)
    response.headers["Cache-Control"] = _KEPT
    return schemas.PreviewList(
        items=[schemas.Preview(style=one.style, image=one.image) for one in previews]
    )
