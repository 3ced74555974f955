"""Photos, cartoons and heads, and the responses that carry them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from cartoon_avatar.backend.db import tables
from cartoon_avatar.backend.schemas.body import Body, Id, NextCursor, Time, columns
from cartoon_avatar.backend.signing import Signer
from cartoon_avatar.contract import boxes


def _url(example: str) -> Any:
    return Field(
        description="Signed: opens without a header for at least a day. A path to resolve"
        " against the backend's address unless PUBLIC_URL is set.",
        examples=[f"/uploads/{example}expires=1736294400&signature=Zk3…"],
    )


class Box(Body):
    """In pixels of the upright photo."""

    left: int = Field(examples=[980])
    top: int = Field(examples=[420])
    width: int = Field(examples=[1210])
    height: int = Field(examples=[1210])

    @classmethod
    def of(cls, box: boxes.Box) -> Box:
        return cls(left=box.left, top=box.top, width=box.width, height=box.height)


class PhotoFace(Body):
    """A face of a photo. Its place in the list is what `face` means elsewhere."""

    box: Box
    prominence: float = Field(
        description="0 to 1: how much it is what the photo shows.", examples=[0.87]
    )

    @classmethod
    def all_of(cls, row: tables.Original) -> list[PhotoFace]:
        return [
            cls(box=Box.of(face.box), prominence=face.prominence)
            for face in boxes.faces_in(row.faces)
        ]


PhotoFaces = Annotated[
    list[PhotoFace],
    Field(description="All faces of the photo, the most prominent first; at most 64."),
]


class Original(Body):
    """A photo, kept for good."""

    id: Id
    device_id: str = Field(examples=["pixel-8.a1b2c3"])
    filename: str = Field(examples=["1736123456789_pixel-8.a1b2c3.jpg"])
    image_url: str = _url("originals/1736123456789_pixel-8.a1b2c3.jpg?")
    thumbnail_url: str = _url("originals/1736123456789_pixel-8.a1b2c3.jpg?thumbnail=1&")
    file_size: int = Field(description="Bytes.", examples=[2481733])
    mime_type: str = Field(examples=["image/jpeg"])
    width: int = Field(description="Pixels, upright.", examples=[3024])
    height: int = Field(description="Pixels, upright.", examples=[4032])
    sha256: str = Field(
        description="Of the stored file, in hexadecimal.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    face_count: int = Field(examples=[1])
    created_at: Time

    @classmethod
    def of(cls, row: tables.Original, signer: Signer) -> Original:
        return cls(
            image_url=signer.file_url(row.image_url),
            thumbnail_url=signer.file_url(row.image_url, thumbnail=True),
            **columns(
                row,
                "id device_id filename file_size mime_type width height sha256 face_count"
                " created_at",
            ),
        )


class Cartoon(Body):
    """A drawing, kept until it expires or one of its photo's cartoons is downloaded."""

    id: Id = Field(examples=["c07a5e9b1d2f4a6880b3e7d1"])
    device_id: str = Field(examples=["pixel-8.a1b2c3"])
    original_id: Id
    filename: str = Field(examples=["1736123456790_5f2d9c0a7b1e4d3c8a6f0e21.jpg"])
    image_url: str = _url("temp/1736123456790_5f2d9c0a7b1e4d3c8a6f0e21.jpg?")
    thumbnail_url: str = _url("temp/1736123456790_5f2d9c0a7b1e4d3c8a6f0e21.jpg?thumbnail=1&")
    file_size: int = Field(description="Bytes.", examples=[182044])
    mime_type: str = Field(examples=["image/jpeg"])
    width: int = Field(description="Pixels.", examples=[768])
    height: int = Field(description="Pixels.", examples=[1024])
    style: str = Field(examples=["comic"])
    seed: int = Field(examples=[7])
    framing: str = Field(
        description="`portrait`, head and shoulders of one person, or `full`.",
        examples=["portrait"],
    )
    face: int = Field(description="Whose portrait: an index into `faces`.", examples=[0])
    crop: Box = Field(description="What of the photo it shows.")
    aligned: bool = Field(
        description="It shows what that part of the photo shows in the same place.",
        examples=[True],
    )
    engine: str = Field(description="What drew it.", examples=["built-in"])
    stands_in_for: str | None = Field(
        None,
        exclude_if=lambda style: style is None,
        description="The style that was meant, where its generator failed and one of ours drew.",
    )
    created_at: Time
    expires_at: Time = Field(examples=["2026-01-06T23:20:56.789Z"])

    @classmethod
    def of(cls, row: tables.Cartoon, signer: Signer, ttl_s: int) -> Cartoon:
        return cls(
            image_url=signer.file_url(row.image_url),
            thumbnail_url=signer.file_url(row.image_url, thumbnail=row.thumbnail_path is not None),
            expires_at=row.created_at + timedelta(seconds=ttl_s),
            face=row.face_index,
            crop=Box.of(row.crop),
            **columns(
                row,
                "id device_id original_id filename file_size mime_type width height style seed"
                " framing aligned engine stands_in_for created_at",
            ),
        )


class Face(Body):
    """A head cut out of a cartoon, kept for good."""

    id: Id = Field(examples=["fa3d81c6027b4e9fb5d0a412"])
    device_id: str = Field(examples=["pixel-8.a1b2c3"])
    original_id: Id
    source_cartoon_id: Id = Field(examples=["c07a5e9b1d2f4a6880b3e7d1"])
    filename: str = Field(examples=["1736123456800_5f2d9c0a7b1e4d3c8a6f0e21.png"])
    face_url: str = _url("downloaded/1736123456800_5f2d9c0a7b1e4d3c8a6f0e21.png?")
    thumbnail_url: str = _url("downloaded/1736123456800_5f2d9c0a7b1e4d3c8a6f0e21.png?thumbnail=1&")
    file_size: int = Field(description="Bytes.", examples=[311920])
    mime_type: str = Field(examples=["image/png"])
    width: int = Field(description="Pixels.", examples=[512])
    height: int = Field(description="Pixels.", examples=[512])
    created_at: Time

    @classmethod
    def of(cls, row: tables.Face, signer: Signer) -> Face:
        return cls(
            face_url=signer.file_url(row.face_url),
            thumbnail_url=signer.file_url(row.face_url, thumbnail=True),
            **columns(
                row,
                "id device_id original_id source_cartoon_id filename file_size mime_type width"
                " height created_at",
            ),
        )


class Export(Body):
    """A sticker made of a face. It is kept for a week or two, and made again when asked for."""

    face_id: Id = Field(examples=["fa3d81c6027b4e9fb5d0a412"])
    preset: str = Field(examples=["whatsapp"])
    filename: str = Field(examples=["fa3d81c6027b4e9fb5d0a412_2930_whatsapp-1f0c_512x512.webp"])
    export_url: str = _url("exports/fa3d81c6027b4e9fb5d0a412_2930_whatsapp-1f0c_512x512.webp?")
    file_size: int = Field(description="Bytes.", examples=[30652])
    mime_type: str = Field(examples=["image/webp"])
    width: int = Field(description="Pixels.", examples=[512])
    height: int = Field(description="Pixels.", examples=[512])
    outline_width: int = Field(description="Pixels.", examples=[8])
    outline_color: str = Field(examples=["#FFFFFF"])
    background: str = Field(examples=["transparent"])


class UploadCreated(Body):
    original: Original
    cartoon: Cartoon
    faces: PhotoFaces
    device_token: str | None = Field(
        None,
        description="Only on the first upload of a device. Send it as `Authorization: Bearer …`"
        " and from then on the device id alone opens nothing.",
        examples=["q1Zk0vT3sJt8…"],
    )


class CartoonCreated(Body):
    cartoon: Cartoon


class FaceCreated(Body):
    face: Face
    export: Export | None = Field(None, description="Where a `preset` was named.")


class ExportCreated(Body):
    export: Export


class OriginalDetail(Body):
    original: Original
    cartoons: list[Cartoon] = Field(description="The live ones, oldest first.")
    faces: PhotoFaces


class OriginalList(Body):
    items: list[Original]
    next_cursor: NextCursor


class FaceList(Body):
    items: list[Face]
    next_cursor: NextCursor


class Preview(Body):
    """A photo in a style, small."""

    style: str = Field(examples=["comic"])
    image: str = Field(
        description="A WebP of at most 256 px as a data: URI, drawn with the seed 0.",
        examples=["data:image/webp;base64,UklGRg=="],
    )


class PreviewList(Body):
    """One person of a photo in every style that can show them, in walking order."""

    items: list[Preview]
