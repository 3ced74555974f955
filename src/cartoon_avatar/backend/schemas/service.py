"""What the service says of itself."""

from __future__ import annotations

from pydantic import Field

from cartoon_avatar.backend.schemas.body import Body, NextCursor


class Style(Body):
    name: str = Field(examples=["comic"])
    title: str = Field(examples=["Comic"])
    description: str = Field(examples=["Bold ink and flat colour."])
    preview: str | None = Field(
        description="A small picture as a `data:` URL.",
        examples=["data:image/webp;base64,UklGRi…"],
    )
    needs_face: bool = Field(
        description="It draws people only: a photo without a face is 422 `no_face`.",
        examples=[False],
    )
    svg: bool = Field(description="Its cartoons can be had as SVG.", examples=[False])
    engine: str = Field(
        description="What draws it, and whose queue its jobs are in.", examples=["painted"]
    )
    aligned: bool = Field(
        description="A cartoon shows what the photo shows in the same place.", examples=[True]
    )
    deterministic: bool = Field(
        description="The same photo, seed and options give the same picture.", examples=[True]
    )
    expected_seconds: float | None = Field(
        validation_alias="expected_s",
        description="What a drawing usually takes, where the engine says.",
        examples=[0.3],
    )
    leaves_machine: bool = Field(
        description="The photo is sent to somebody else's server.", examples=[False]
    )
    sent_to: str = Field(
        "", description="The host of that server, which its consent names.", examples=[""]
    )


class StyleList(Body):
    items: list[Style]
    next_cursor: NextCursor
    stickers: bool = Field(
        description="Faces can be had as stickers. An AI server of the original design makes none.",
        examples=[True],
    )


class Health(Body):
    status: str = Field(examples=["ok"])


class Readiness(Body):
    status: str = Field(examples=["ready"])
    missing: list[str] = Field(description="Parts that do not answer.", examples=[["ai"]])
    missing_models: list[str] = Field(
        description="Model files that the AI service lacks.",
        examples=[["face_landmarks_detector.tflite"]],
    )
