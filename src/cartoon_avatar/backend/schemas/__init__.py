"""JSON bodies, as clients see them."""

from cartoon_avatar.backend.schemas.body import Body
from cartoon_avatar.backend.schemas.device import (
    Consent,
    ConsentList,
    Recovered,
    RecoveryCode,
    Report,
    ReportCreated,
)
from cartoon_avatar.backend.schemas.jobs import Job, JobAccepted, JobError, JobList, JobResult
from cartoon_avatar.backend.schemas.pictures import (
    Cartoon,
    CartoonCreated,
    Export,
    ExportCreated,
    Face,
    FaceCreated,
    FaceList,
    Original,
    OriginalDetail,
    OriginalList,
    PhotoFace,
    Preview,
    PreviewList,
    UploadCreated,
)
from cartoon_avatar.backend.schemas.service import Health, Readiness, Style, StyleList

__all__ = [
    "Body",
    "Cartoon",
    "CartoonCreated",
    "Consent",
    "ConsentList",
    "Export",
    "ExportCreated",
    "Face",
    "FaceCreated",
    "FaceList",
    "Health",
    "Job",
    "JobAccepted",
    "JobError",
    "JobList",
    "JobResult",
    "Original",
    "OriginalDetail",
    "OriginalList",
    "PhotoFace",
    "Preview",
    "PreviewList",
    "Readiness",
    "Recovered",
    "RecoveryCode",
    "Report",
    "ReportCreated",
    "Style",
    "StyleList",
    "UploadCreated",
]
