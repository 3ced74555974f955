"""Errors that a client of the AI service can get, beyond those that both services know.

AvatarError                      of contract/errors.py, with what is not listed here
├── InvalidRequest
│   ├── UnknownStyle        400  unknown_style
│   ├── FaceIndexOutOfRange 400  face_index_out_of_range
│   ├── UrlNotAllowed       400  url_not_allowed
│   └── ImageUnreachable    400  image_unreachable
├── ClientGone              408  client_gone
├── DrawingCancelled        409  drawing_cancelled
├── GenerationFailed        500  generation_failed
├── AiBusy                  503  ai_busy
├── AiStarting              503  ai_starting
└── ModelsMissing           503  models_missing
"""

from __future__ import annotations

from cartoon_avatar.contract.errors import AvatarError, InvalidRequest


class UnknownStyle(InvalidRequest):
    code = "unknown_style"

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"There is no such style; there are {', '.join(names)}.")


class FaceIndexOutOfRange(InvalidRequest):
    code = "face_index_out_of_range"

    def __init__(self, index: int | str, faces: int) -> None:
        super().__init__(
            f"There is no face {index}: the picture has {faces}, counted from 0,"
            " the most prominent first."
        )


class UrlNotAllowed(InvalidRequest):
    code = "url_not_allowed"


class ImageUnreachable(InvalidRequest):
    code = "image_unreachable"


class ClientGone(AvatarError):
    """Only the log says so."""

    status = 408
    code = "client_gone"

    def __init__(self) -> None:
        super().__init__("The connection was closed before the response was there.")


class DrawingCancelled(AvatarError):
    status = 409
    code = "drawing_cancelled"

    def __init__(self) -> None:
        super().__init__("Somebody cancelled this drawing by its Idempotency-Key.")


class GenerationFailed(AvatarError):
    status = 500
    code = "generation_failed"

    def __init__(self, detail: str = "The picture could not be made; please try again.") -> None:
        super().__init__(detail)


class AiBusy(AvatarError):
    status = 503
    code = "ai_busy"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "All places are taken, those in the queue too; please try again.",
            retry_after_s=retry_after_s,
        )


class AiStarting(AvatarError):
    status = 503
    code = "ai_starting"

    def __init__(self) -> None:
        super().__init__("The service is starting; please try again.", retry_after_s=2)


class ModelsMissing(AvatarError):
    status = 503
    code = "models_missing"

    def __init__(self) -> None:
        super().__init__(
            "Faces cannot be found here: the model files are missing; the operator fetches them"
            " with `cartoon-avatar models fetch`.",
            retry_after_s=60,
        )
