"""Pictures that a user says are wrong."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.backend import schemas
from cartoon_avatar.backend.flows.reports import report_picture
from cartoon_avatar.backend.identity import admitted
from cartoon_avatar.backend.limits import limit_reports
from cartoon_avatar.backend.options import require_known
from cartoon_avatar.backend.routes.error_responses import ALWAYS, problems
from cartoon_avatar.backend.routes.parameters import Backend
from cartoon_avatar.backend.routes.post import Posted
from cartoon_avatar.backend.routes.request_bodies import REPORT_BODY

router = APIRouter(prefix="/api", tags=["device"])


@router.post(
    "/reports",
    status_code=201,
    response_model=schemas.ReportCreated,
    responses={
        200: {"model": schemas.ReportCreated, "description": "Reported before, and not decided."},
        **problems(*ALWAYS, 404, 408, 413),
    },
    operation_id="reportPicture",
    openapi_extra=REPORT_BODY,
)
async def create_report(
    request: Request, response: Response, backend: Backend, post: Posted
) -> schemas.ReportCreated:
    """Report one of the device's own pictures to the operator, such as an offensive drawing."""
    response.headers["Cache-Control"] = "no-store"
    require_known(post.fields, ("picture", "reason", "note"))
    await admitted(request, backend, post.device_id)
    await limit_reports(backend, post.device_id)
    report, is_new = await report_picture(
        backend.database, device_id=post.device_id, fields=post.fields
    )
    response.status_code = 201 if is_new else 200
    return schemas.ReportCreated(report=schemas.Report.of(report))
