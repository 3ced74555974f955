"""Everything of one caller: its recovery code, its export, its end."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.errors import Unauthorized, WrongRecoveryCode
from cartoon_avatar.backend.flows.archive import archive_of
from cartoon_avatar.backend.flows.devices import forget
from cartoon_avatar.backend.flows.recovery import (
    code_in,
    device_with,
    new_recovery_code,
    recover,
)
from cartoon_avatar.backend.identity import Device, admitted, bearer_of
from cartoon_avatar.backend.limits import limit_device, note_wrong_code, require_code_tries
from cartoon_avatar.backend.options import require_known
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.parameters import Backend, RoomToDelete
from cartoon_avatar.backend.routes.post import Posted
from cartoon_avatar.backend.routes.request_bodies import RECOVERY_BODY
from cartoon_avatar.contract.media_types import ZIP

router = APIRouter(prefix="/api", tags=["device"])


@router.post(
    "/device/recovery-code",
    status_code=201,
    response_model=schemas.RecoveryCode,
    responses=problems(*ALWAYS, 404),
    operation_id="createRecoveryCode",
)
async def create_recovery_code(
    request: Request, backend: Backend, device: Device
) -> schemas.RecoveryCode:
    """Make a code that takes this library over to another phone."""
    if bearer_of(request) is None:  # or whoever knows the id could take it over for good
        raise Unauthorized
    await limit_device(backend, device)
    return schemas.RecoveryCode(
        recovery_code=await new_recovery_code(backend.database, device_id=device)
    )


@router.post(
    "/device/recover",
    response_model=schemas.Recovered,
    responses=problems(*ALWAYS, 403, 408, 413),
    operation_id="recoverDevice",
    openapi_extra=RECOVERY_BODY,
)
async def recover_device(
    request: Request, response: Response, backend: Backend, post: Posted
) -> schemas.Recovered:
    """Take over the library that a recovery code was made for; its old phone is locked out."""
    response.headers["Cache-Control"] = "no-store"
    require_known(post.fields, ("code",))
    code, phone = code_in(post.fields.get("code")), post.device_id
    await require_code_tries(request, backend)
    try:
        device_id = await device_with(backend.database, code, asked_by=phone)
        if device_id != phone:  # what it has under its own id is moved too
            await admitted(request, backend, phone, first=True)
        recovered = await recover(backend.database, backend.signer, code=code, asked_by=phone)
    except WrongRecoveryCode:
        await note_wrong_code(request, backend)
        raise
    return schemas.Recovered(device_id=recovered.device_id, device_token=recovered.token)


@router.get(
    "/device/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A ZIP file.",
            "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(*ALWAYS),
    },
    operation_id="exportDevice",
)
async def export_device(backend: Backend, device: Device) -> StreamingResponse:
    """Everything of the caller as a ZIP: photos, cartoons, faces, and their rows as JSON."""
    await limit_device(backend, device)
    name = f"cartoon-avatar-{utc_now():%Y-%m-%d}.zip"
    return StreamingResponse(
        archive_of(backend, device_id=device),
        media_type=ZIP,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.delete(
    "/device",
    status_code=204,
    response_class=Response,
    dependencies=[RoomToDelete],
    responses=problems(*ALWAYS),
    operation_id="deleteDevice",
)
async def delete_device(backend: Backend, device: Device) -> None:
    """Delete everything of the caller, files included, at once."""
    await forget(backend.database, backend.storage, device_id=device)
