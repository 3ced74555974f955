"""Which device sends a request, and with which token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from cartoon_avatar.backend.errors import InvalidDevice, Unauthorized
from cartoon_avatar.backend.flows.devices import Caller, authenticate
from cartoon_avatar.backend.signing import TOKEN
from cartoon_avatar.backend.state import State

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")

# The unset value of several languages, and the zero UUID: many phones would share them.
_UNSET_IDS = {"null", "undefined", "none", "nil", "00000000-0000-0000-0000-000000000000"}


def is_device_id(text: str) -> bool:
    return _DEVICE_ID.fullmatch(text) is not None


def is_unset(device_id: str) -> bool:
    return device_id.lower() in _UNSET_IDS


def device_id_in(request: Request, fields: Mapping[str, Any]) -> str | None:
    """The one device id a request names. Raises InvalidDevice for two different ones."""
    named: list[object] = list(request.headers.getlist("x-device-id"))
    for name in ("deviceId", "device_id"):
        named += request.query_params.getlist(name)
        named.append(fields.get(name))
    named = [name for name in named if name not in (None, "")]
    if not named:
        return None
    device_id = named[0]
    if any(other != device_id for other in named):
        raise InvalidDevice("The request names two different device ids.")
    if not isinstance(device_id, str) or not _DEVICE_ID.fullmatch(device_id):
        raise InvalidDevice(
            "A device id is 1 to 128 characters of A-Z a-z 0-9 . _ - and does not start with a dot."
        )
    if is_unset(device_id):
        raise InvalidDevice(
            f"{device_id} is what an app says that has no device id yet, so many phones would"
            " share it: make a random one once, and keep it."
        )
    return device_id


def named_device(request: Request, fields: Mapping[str, Any]) -> str:
    device_id = device_id_in(request, fields)
    if device_id is None:
        raise InvalidDevice("Name the device in the X-Device-Id header or the field deviceId.")
    return device_id


def bearer_of(request: Request) -> str | None:
    """Raises Unauthorized for what cannot be a device token, such as "null" from an app that has
    none yet: it would be admitted as a new device, and refused ever after."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return None
    if not TOKEN.fullmatch(token):
        raise Unauthorized(
            "What the Authorization header carries is no device token: send the deviceToken of"
            " the device's first upload, or no such header before there is one."
        )
    return token


async def admitted(
    request: Request, backend: State, device_id: str, *, first: bool = False
) -> Caller:
    """The authenticated device. Raises Unauthorized; ``first`` is true for an upload, which is how
    a device that is not known yet begins."""
    return await authenticate(
        backend.database,
        device_id=device_id,
        token=bearer_of(request),
        token_required=backend.settings.device_auth == "required",
        first=first,
    )


async def _device_of(request: Request, response: Response) -> str:
    response.headers["Cache-Control"] = "no-store"
    device_id = named_device(request, {})
    await admitted(request, request.state.backend, device_id)
    return device_id


Device = Annotated[str, Depends(_device_of)]
