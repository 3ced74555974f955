"""Errors that both services know, each with a status and a stable code.

AvatarError
├── InvalidRequest          400  invalid_request
│   ├── InvalidSeed         400  invalid_seed
│   ├── InvalidFormat       400  invalid_format
│   ├── InvalidBackground   400  invalid_background
│   ├── InvalidSize         400  invalid_size
│   ├── InvalidFraming      400  invalid_framing
│   ├── InvalidFace         400  invalid_face
│   ├── InvalidPreset       400  invalid_preset
│   ├── InvalidOutline      400  invalid_outline
│   ├── InvalidImage        400  invalid_image
│   └── ImageTooLarge       400  image_too_large
├── ConsentRequired         403  consent_required
├── BodyTooSlow             408  request_timeout
├── FileTooLarge            413  file_too_large
├── NoFace                  422  no_face
├── NoTransparency          422  no_transparency
├── StickerTooLarge         422  sticker_too_large
├── PictureUnusable         422  picture_unusable
├── EngineRefused           422  engine_refused
└── EngineUnavailable       503  engine_unavailable

Workers that draw raise these too, so nothing here imports a web framework.
"""

from __future__ import annotations


class AvatarError(Exception):
    """An expected error: a message for a person, a status and a stable code."""

    status = 500
    code = "internal_error"

    def __init__(self, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class InvalidRequest(AvatarError):
    status = 400
    code = "invalid_request"


class InvalidSeed(InvalidRequest):
    code = "invalid_seed"


class InvalidFormat(InvalidRequest):
    code = "invalid_format"


class InvalidBackground(InvalidRequest):
    code = "invalid_background"


class InvalidSize(InvalidRequest):
    code = "invalid_size"


class InvalidFraming(InvalidRequest):
    code = "invalid_framing"


class InvalidFace(InvalidRequest):
    code = "invalid_face"


class InvalidPreset(InvalidRequest):
    code = "invalid_preset"


class InvalidOutline(InvalidRequest):
    code = "invalid_outline"


class InvalidImage(InvalidRequest):
    code = "invalid_image"

    def __init__(
        self,
        detail: str = "The file is not an image of an accepted type (JPEG, PNG, WebP, HEIC, AVIF"
        " or GIF, by content).",
    ) -> None:
        super().__init__(detail)


class ImageTooLarge(InvalidRequest):
    code = "image_too_large"


class BodyTooSlow(AvatarError):
    status = 408
    code = "request_timeout"

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"The body did not arrive within {limit_s:g} s; please send it again.")


class FileTooLarge(AvatarError):
    status = 413
    code = "file_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The upload is larger than the limit of {max_bytes / 1e6:g} MB; send a smaller file."
        )


class NoFace(AvatarError):
    status = 422
    code = "no_face"

    def __init__(
        self,
        detail: str = "No face was found in the picture. Try one in which a face is well seen.",
    ) -> None:
        super().__init__(detail)


class NoTransparency(AvatarError):
    status = 422
    code = "no_transparency"

    def __init__(
        self,
        detail: str = "This head was downloaded on a colour: there is no outline to follow. Ask for"
        " square or circle, or download a head with a transparent background.",
    ) -> None:
        super().__init__(detail)


class StickerTooLarge(AvatarError):
    status = 422
    code = "sticker_too_large"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)

    @classmethod
    def over(cls, preset: str, most_bytes: int) -> StickerTooLarge:
        return cls(
            f"This head cannot be made a {preset} sticker of at most {most_bytes // 1000} KB"
            " without being spoilt; ask for another preset."
        )


class PictureUnusable(AvatarError):
    """Work on it failed deterministically: not a 5xx, which would invite a retry."""

    status = 422
    code = "picture_unusable"

    def __init__(
        self, detail: str = "Nothing can be made of this picture; please try another one."
    ) -> None:
        super().__init__(detail)


class EngineRefused(AvatarError):
    """An external generator does not want to draw this; asking again does not help."""

    status = 422
    code = "engine_refused"

    def __init__(
        self,
        detail: str = "The generator's policy is against this picture in this style; please try"
        " another of either.",
    ) -> None:
        super().__init__(detail)


class ConsentRequired(AvatarError):
    """Nothing was sent to an external generator, since nobody has agreed to that."""

    status = 403
    code = "consent_required"

    def __init__(
        self,
        detail: str = "The photo would be sent to somebody else's server to be drawn in this"
        " style, which this device has not agreed to; nothing was sent.",
    ) -> None:
        super().__init__(detail)

    @classmethod
    def of(cls, engine: str, sent_to: str) -> ConsentRequired:
        return cls(
            f"In this style {sent_to or engine} draws: the person's part of the photo would be sent"
            " there, without its metadata. This device has not agreed to that, so nothing was sent;"
            f" PUT /api/device/consents/{engine} agrees."
        )

    @classmethod
    def withdrawn(cls, engine: str) -> ConsentRequired:
        return cls(
            f"The consent to photos being sent to {engine} was withdrawn before this was drawn;"
            " nothing was sent."
        )


class EngineUnavailable(AvatarError):
    """An external generator made no picture. Never retried by itself: it may have been paid."""

    status = 503
    code = "engine_unavailable"

    def __init__(
        self,
        detail: str = "The generator of this style made no picture; nothing was changed. Please"
        " try again later, or another style.",
        retry_after_s: int = 30,
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
