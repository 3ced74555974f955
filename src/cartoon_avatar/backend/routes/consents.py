"""What a device agrees to."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.db.consents import consents_of
from cartoon_avatar.backend.flows.consents import agree
from cartoon_avatar.backend.flows.withdrawal import withdraw
from cartoon_avatar.backend.identity import Device, admitted, named_device
from cartoon_avatar.backend.limits import limit_address, limit_device
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.parameters import Backend, Id

router = APIRouter(prefix="/api/device/consents", tags=["device"])


async def _perhaps_new(request: Request, response: Response) -> str:
    """The device that sends the request, which may agree before its first upload."""
    response.headers["Cache-Control"] = "no-store"
    backend = request.state.backend
    await limit_address(request, backend)
    device_id = named_device(request, {})
    await admitted(request, backend, device_id, first=True)
    await limit_device(backend, device_id)
    return device_id


PerhapsNew = Annotated[str, Depends(_perhaps_new)]


@router.get(
    "",
    response_model=schemas.ConsentList,
    responses=problems(*ALWAYS),
    operation_id="listConsents",
)
async def list_consents(backend: Backend, device: Device) -> schemas.ConsentList:
    """The external engines that this device agreed to, and since when; withdrawn ones too."""
    rows = await backend.database.read(partial(consents_of, device_id=device))
    return schemas.ConsentList(items=[schemas.Consent.of(row) for row in rows], next_cursor=None)


@router.put(
    "/{engine}",
    response_model=schemas.Consent,
    responses=problems(*ALWAYS, 404, 500),
    operation_id="giveConsent",
)
async def give_consent(backend: Backend, device: PerhapsNew, engine: Id) -> schemas.Consent:
    """Agree that photos are sent to an engine's server, which `sentTo` of its styles names."""
    return schemas.Consent.of(await agree(backend, device_id=device, engine=engine))


@router.delete(
    "/{engine}",
    status_code=204,
    response_class=Response,
    responses=problems(*ALWAYS, 404),
    operation_id="withdrawConsent",
)
async def withdraw_consent(backend: Backend, device: Device, engine: Id) -> None:
    """Withdraw: from now on nothing is sent; jobs that wait for the engine end as refused."""
    await withdraw(backend, device_id=device, engine=engine)
