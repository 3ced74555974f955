"""Reading forms and pictures of requests."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import Any

from fastapi import Request

from cartoon_avatar.ai.forms import Form, Pieces, read_form
from cartoon_avatar.ai.state import State
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract import options
from cartoon_avatar.contract.errors import InvalidImage, InvalidRequest


def state_of(request: Request) -> State:
    return request.state.ai


async def form_of(request: Request, *file_names: str) -> Form:
    settings = state_of(request).settings
    return await read_form(
        request,
        *file_names,
        max_file_bytes=settings.max_upload_bytes,
        timeout_s=settings.body_timeout_s,
    )


def image_in(form: Form, name: str) -> Pieces:
    pieces = form.files.get(name)
    if pieces is None:
        raise InvalidImage(f"There is no file in the field {name}.")
    if not pieces:
        raise InvalidImage(f"The file in the field {name} is empty.")
    if media_type_of(bytes(islice(chain.from_iterable(pieces), HEAD_BYTES))) is None:
        raise InvalidImage
    return pieces


def flag(fields: Mapping[str, Any], name: str) -> bool:
    """Whether the field is 1; 0 where it is absent."""
    return options.whole_number(fields, name, InvalidRequest, 0, 1) == 1
