"""Every error that a client of the backend can get.

AvatarError
├── InvalidRequest          400  invalid_request
│   ├── InvalidDevice       400  invalid_device_id
│   ├── InvalidCursor       400  invalid_cursor
│   ├── InvalidStyle        400  invalid_style
│   ├── InvalidSeed         400  invalid_seed
│   ├── InvalidFormat       400  invalid_format
│   ├── InvalidBackground   400  invalid_background
│   ├── InvalidSize         400  invalid_size
│   ├── InvalidFraming      400  invalid_framing
│   ├── InvalidFace         400  invalid_face
│   ├── InvalidRecoveryCode 400  invalid_recovery_code
│   ├── InvalidReport       400  invalid_report
│   ├── InvalidPreset       400  invalid_preset
│   ├── InvalidOutline      400  invalid_outline
│   ├── DigestMismatch      400  digest_mismatch
│   ├── InvalidImage        400  invalid_image
│   └── ImageTooLarge       400  image_too_large
├── BodyTooSlow             408  request_timeout
├── FileTooLarge            413  file_too_large
├── Unauthorized            401  unauthorized
├── WrongRecoveryCode       403  wrong_recovery_code
├── ConsentRequired         403  consent_required
├── NotFound                404  not_found
├── SiblingDownloaded       409  sibling_downloaded
├── RequestRunning          409  request_running
├── NoFace                  422  no_face
├── NoTransparency          422  no_transparency
├── StickerTooLarge         422  sticker_too_large
├── PictureUnusable         422  picture_unusable
├── EngineRefused           422  engine_refused
├── NoSvg                   422  no_svg
├── Rejected                422  rejected
├── PictureHeld             422  picture_held
├── JobFinished             409  job_finished
├── JobCanceled             409  job_canceled
├── KeyReused               422  idempotency_key_reused
├── TooManyRequests         429  too_many_requests
│   ├── TooManyCartoons     429  too_many_cartoons
│   └── TooManyJobs         429  too_many_jobs
├── GenerationFailed        500  generation_failed
├── AiUnavailable           503  ai_unavailable
│   └── AiBusy              503  ai_unavailable
├── EngineUnavailable       503  engine_unavailable
├── ModerationUnavailable   503  moderation_unavailable
├── QueueFull               503  queue_full
├── DatabaseBusy            503  database_busy
├── StorageUnavailable      503  storage_unavailable
└── InsufficientStorage     507  insufficient_storage
"""

from __future__ import annotations

from cartoon_avatar.contract.errors import (
    AvatarError,
    BodyTooSlow,
    ConsentRequired,
    EngineRefused,
    EngineUnavailable,
    FileTooLarge,
    ImageTooLarge,
    InvalidBackground,
    InvalidFace,
    InvalidFormat,
    InvalidFraming,
    InvalidImage,
    InvalidOutline,
    InvalidPreset,
    InvalidRequest,
    InvalidSeed,
    InvalidSize,
    NoFace,
    NoTransparency,
    PictureUnusable,
    StickerTooLarge,
)

__all__ = [
    "BodyTooSlow",
    "ConsentRequired",
    "EngineRefused",
    "EngineUnavailable",
    "FileTooLarge",
    "ImageTooLarge",
    "InvalidBackground",
    "InvalidFace",
    "InvalidFormat",
    "InvalidFraming",
    "InvalidImage",
    "InvalidOutline",
    "InvalidPreset",
    "InvalidSeed",
    "InvalidSize",
    "NoFace",
    "NoTransparency",
    "PictureUnusable",
    "StickerTooLarge",
]


class InvalidDevice(InvalidRequest):
    code = "invalid_device_id"


class InvalidCursor(InvalidRequest):
    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__("The cursor is not one this list gave out; start without one.")


class InvalidStyle(InvalidRequest):
    code = "invalid_style"


class DigestMismatch(InvalidRequest):
    code = "digest_mismatch"

    def __init__(self) -> None:
        super().__init__(
            "The photo is not the one that Repr-Digest stands for: it was changed on its way."
            " Please send it again."
        )


class Unauthorized(AvatarError):
    status = 401
    code = "unauthorized"

    def __init__(
        self, detail: str = "This device needs its token: Authorization: Bearer …"
    ) -> None:
        super().__init__(detail)


class InvalidRecoveryCode(InvalidRequest):
    code = "invalid_recovery_code"

    def __init__(self) -> None:
        super().__init__("A recovery code is 20 letters and digits, like 7K3M-PZ0Q-9XWB-4TRA-2HNC.")


class WrongRecoveryCode(AvatarError):
    status = 403
    code = "wrong_recovery_code"

    def __init__(self) -> None:
        super().__init__(
            "No library opens to this recovery code: it is mistyped, was used before, or a newer"
            " one took its place."
        )


class NotFound(AvatarError):
    """Missing, another device's or swept: the same body, so that they cannot be told apart."""

    status = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such thing here; it may have expired or been deleted.")


class SiblingDownloaded(AvatarError):
    status = 409
    code = "sibling_downloaded"

    def __init__(self) -> None:
        super().__init__(
            "Another cartoon of this photo was downloaded, which removed this one;"
            " regenerate for a new one."
        )


class RequestRunning(AvatarError):
    status = 409
    code = "request_running"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still running; ask again soon.",
            retry_after_s=2,
        )


class KeyReused(AvatarError):
    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request; take a new one.")


class NoSvg(AvatarError):
    status = 422
    code = "no_svg"

    def __init__(self, style: str) -> None:
        super().__init__(
            f"A cartoon in the style {style} is made of pixels, not of shapes: there is no SVG"
            " of it. GET /api/styles says which styles have one."
        )


class Rejected(AvatarError):
    """By the moderation service."""

    status = 422
    code = "rejected"

    def __init__(self) -> None:
        super().__init__(
            "This picture is against the rules of this service; nothing of it was stored. Please"
            " try another one."
        )


class PictureHeld(AvatarError):
    status = 422
    code = "picture_held"

    def __init__(self) -> None:
        super().__init__(
            "A person has to look at this picture first; nothing of it was stored. Please try again"
            " later, or another one."
        )


class InvalidReport(InvalidRequest):
    code = "invalid_report"


class TooManyRequests(AvatarError):
    status = 429
    code = "too_many_requests"

    def __init__(self, detail: str, retry_after_s: int = 60) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)

    @classmethod
    def of_codes(cls, retry_after_s: int) -> TooManyRequests:
        return cls("Too many wrong recovery codes; please try again later.", retry_after_s)

    @classmethod
    def of_reports(cls, per_hour: int) -> TooManyRequests:
        return cls(f"More than {per_hour} reports an hour from one device.", retry_after_s=3600)

    @classmethod
    def of(cls, kind: str, per_minute: int) -> TooManyRequests:
        """``kind`` of sender: a device or an address."""
        return cls(f"More than {per_minute} requests a minute from one {kind}; wait a little.")


class TooManyCartoons(TooManyRequests):
    code = "too_many_cartoons"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This device has {limit} temporary cartoons, the most it may have;"
            " download one or wait until they expire.",
            retry_after_s=3600,
        )


class TooManyJobs(TooManyRequests):
    code = "too_many_jobs"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This device has {limit} unfinished jobs, the most it may have; wait for one to end"
            " or cancel one.",
            retry_after_s=10,
        )


class QueueFull(AvatarError):
    status = 503
    code = "queue_full"

    def __init__(self) -> None:
        super().__init__(
            "More drawings are waiting than can be kept; nothing was changed. Please try again.",
            retry_after_s=30,
        )


class JobFinished(AvatarError):
    status = 409
    code = "job_finished"

    def __init__(self, state: str) -> None:
        super().__init__(f"The job has {state} already: there is nothing left to cancel.")


class JobCanceled(AvatarError):
    status = 409
    code = "job_canceled"

    def __init__(self) -> None:
        super().__init__("The job was cancelled; nothing was changed.")


class GenerationFailed(AvatarError):
    status = 500
    code = "generation_failed"

    def __init__(self) -> None:
        super().__init__("The picture could not be drawn; nothing was changed. Please try again.")


class AiUnavailable(AvatarError):
    status = 503
    code = "ai_unavailable"

    def __init__(
        self,
        retry_after_s: int = 5,
        detail: str = "The drawing service is busy or starting; nothing was changed. Please try"
        " again.",
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)


class AiBusy(AiUnavailable):
    """The AI service said that it is full; a client gets the same code as for AiUnavailable."""


class ModerationUnavailable(AvatarError):
    status = 503
    code = "moderation_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "Pictures cannot be looked through just now; nothing was changed. Please try again.",
            retry_after_s=30,
        )


class DatabaseBusy(AvatarError):
    status = 503
    code = "database_busy"

    def __init__(self) -> None:
        super().__init__(
            "The database is busy; nothing was changed. Please try again.",
            retry_after_s=2,
        )


class StorageUnavailable(AvatarError):
    status = 503
    code = "storage_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The picture storage is out of reach; nothing was changed. Please try again.",
            retry_after_s=5,
        )


class InsufficientStorage(AvatarError):
    status = 507
    code = "insufficient_storage"

    def __init__(self) -> None:
        super().__init__("The server has no room for another picture; please try again later.")
