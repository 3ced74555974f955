"""What a device keeps beside its pictures: its way back, consents and reports."""

from __future__ import annotations

from pydantic import Field

from cartoon_avatar.backend.db import tables
from cartoon_avatar.backend.schemas.body import Body, Id, NextCursor, Time, columns


class RecoveryCode(Body):
    recovery_code: str = Field(
        description="Shown once; the code before it is void.",
        examples=["7K3M-PZ0Q-9XWB-4TRA-2HNC"],
    )


class Recovered(Body):
    device_id: str = Field(
        description="Who this phone is from now on.", examples=["pixel-8.a1b2c3"]
    )
    device_token: str = Field(
        description="To be sent as `Authorization: Bearer …`; the one before opens nothing.",
        examples=["q1Zk0vT3sJt8…"],
    )


class Consent(Body):
    """That a device agrees to its photos being sent to an engine's server."""

    engine: str = Field(examples=["openai"])
    sent_to: str = Field(description="The server's host.", examples=["api.openai.com"])
    given_at: Time
    withdrawn_at: Time | None = Field(None, description="Since when it does not hold any more.")

    @classmethod
    def of(cls, row: tables.Consent) -> Consent:
        return cls(**columns(row, "engine sent_to given_at withdrawn_at"))


class ConsentList(Body):
    items: list[Consent]
    next_cursor: NextCursor


class Report(Body):
    """A picture that the user says is wrong."""

    id: Id = Field(examples=["4b7d2c90e1f54a6c83d0b2a7"])
    kind: str = Field(description="`original`, `cartoon` or `face`.", examples=["cartoon"])
    picture_id: Id = Field(examples=["c07a5e9b1d2f4a6880b3e7d1"])
    reason: str = Field(examples=["not_me"])
    note: str = Field(examples=[""])
    created_at: Time

    @classmethod
    def of(cls, row: tables.Report) -> Report:
        return cls(**columns(row, "id kind picture_id reason note created_at"))


class ReportCreated(Body):
    report: Report
