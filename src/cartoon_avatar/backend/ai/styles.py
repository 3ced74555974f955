"""Styles, and small pictures in them, as the AI service lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

# The engine of styles whose AI service does not name one.
ENGINE = "drawing"


@dataclass(frozen=True, slots=True)
class StyleInfo:
    """``preview`` is a small picture as a ``data:`` URL; a style that ``needs_face`` refuses photos
    without one; one with ``svg`` draws shapes. With ``leaves_machine`` the photo goes to the host
    ``sent_to``; ``source_type`` is what marks say of its drawings. Of its engine there are
    ``places`` pictures at once, each in about ``expected_s``, where it says so. While ``version``
    is the same, a ``deterministic`` style draws the same."""

    name: str
    title: str
    description: str
    preview: str | None
    needs_face: Annotated[bool, Field(validation_alias="needsFace")] = False
    svg: bool = False
    aligned: bool = False
    deterministic: bool = False
    leaves_machine: Annotated[bool, Field(validation_alias="leavesMachine")] = False
    sent_to: Annotated[str, Field(validation_alias="sentTo")] = ""
    source_type: Annotated[str, Field(validation_alias="sourceType")] = ""
    engine: str = ENGINE
    version: str = ""
    places: int | None = None
    expected_s: Annotated[float | None, Field(validation_alias="expectedSeconds")] = None


@dataclass(frozen=True, slots=True)
class Preview:
    """``image`` is a small picture as a ``data:`` URL."""

    style: str
    image: Annotated[str, Field(pattern=r"^data:image/webp;base64,[A-Za-z0-9+/=]+$")]
