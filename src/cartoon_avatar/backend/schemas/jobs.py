"""Work that is not done yet, or was done within a day."""

from __future__ import annotations

from pydantic import Field

from cartoon_avatar.backend.schemas.body import Body, Id, NextCursor, Time
from cartoon_avatar.backend.schemas.pictures import Cartoon, Face, Original, PhotoFaces


class JobResult(Body):
    """The response that the POST would have had without `Prefer: respond-async`."""

    original: Original | None = Field(None, description="Of an upload.")
    cartoon: Cartoon | None = Field(None, description="Of an upload and a regenerate.")
    faces: PhotoFaces | None = None
    face: Face | None = Field(None, description="Of a download.")
    device_token: str | None = Field(None, description="Of the first upload of a device.")


class JobError(Body):
    """Why a job failed: a problem without what belongs to a single request."""

    status: int = Field(examples=[422])
    code: str = Field(examples=["no_face"])
    detail: str = Field(examples=["No face was found in the picture."])


class Job(Body):
    """The work of a POST request, and how far it is."""

    id: Id = Field(examples=["7c1e5a90d2b34f68a1c9e0f3"])
    kind: str = Field(description="`upload`, `regenerate` or `download`.", examples=["upload"])
    state: str = Field(
        description="`queued`, `running`, `succeeded`, `failed` or `canceled`.",
        examples=["running"],
    )
    stage: str | None = Field(
        None, description="What is being done just now, where that is known.", examples=["masks"]
    )
    progress: float | None = Field(
        None, description="From 0 to 1, where the engine tells.", examples=[0.35]
    )
    position: int | None = Field(
        None, description="Place in the queue: 1 is drawn next. Only of a queued job.", examples=[3]
    )
    original_id: Id | None = Field(
        None, description="The photo it is about; of an upload once there is one."
    )
    cartoon_id: Id | None = Field(None, description="Of a download: the cartoon it cuts.")
    engine: str = Field(description="Whose queue it is in.", examples=["drawing"])
    style: str | None = Field(None, examples=["comic"])
    created_at: Time
    started_at: Time | None = None
    finished_at: Time | None = None
    expires_at: Time | None = Field(
        None, description="When a finished job is deleted; its result stays."
    )
    result: JobResult | None = Field(
        None, description="Of a job that succeeded, as long as its result exists."
    )
    error: JobError | None = Field(None, description="Of a job that failed or was cancelled.")


class JobAccepted(Body):
    job: Job
    device_token: str | None = Field(
        None,
        description="Only for the first upload of a device, as with the response that is waited"
        " for.",
        examples=["q1Zk0vT3sJt8…"],
    )


class JobList(Body):
    items: list[Job]
    next_cursor: NextCursor
