"""Another cartoon of a photo."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import AiClient
from cartoon_avatar.backend.ai.requests import DrawingOptions
from cartoon_avatar.backend.ai.responses import Drawing
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Original
from cartoon_avatar.backend.errors import NotFound
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.cartoons import (
    cartoon_file,
    files_of,
    new_cartoon,
    require_quota,
    with_seed,
)
from cartoon_avatar.backend.flows.consents import agreed, may_leave
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.disk_space import require_space
from cartoon_avatar.backend.flows.fetching import fetched
from cartoon_avatar.backend.flows.moderate import moderate
from cartoon_avatar.backend.flows.new_files import discarding
from cartoon_avatar.backend.flows.reuse import drawing_key, drawn_before
from cartoon_avatar.backend.state import State
from cartoon_avatar.http.request_log import stage


async def regenerate(
    backend: State,
    caller: Caller,
    original_id: str,
    options: DrawingOptions,
    attempt: Attempt,
) -> Cartoon:
    """Draw a new cartoon of an original. Earlier ones stay: regenerating adds. Raises NotFound."""
    device_id = caller.device_id
    find = partial(queries.original_of, device_id=device_id, original_id=original_id)
    original = await backend.database.read(find)
    if original is None:
        raise NotFound
    ai, turn = backend.ai, attempt.turn
    if not turn.queued:
        ai.admission.require(device_id)  # or a refused request would move the style on
    require_quota(caller.live_cartoons, backend.settings.max_live_cartoons)
    await require_space(backend.database, backend.storage, backend.settings)
    style = options.style or await next_style(backend.database, ai, original, turn.until)

    wanted = replace(options, style=style)
    drawing = await drawn_before(backend, device_id, original.sha256, wanted, turn.until)
    if drawing is None:
        drawing = await _drawn(backend, original, style, wanted, attempt)
    await moderate(backend, attempt, [drawing.data], drawing.mime_type, "cartoon", drawing.style)

    now = utc_now()
    async with discarding(backend.storage) as new_files:
        with stage("store"):
            (stored,) = await backend.storage.put_new(cartoon_file(original_id, drawing, now))
            key = drawing_key(original.sha256, drawing, options)
            cartoon = new_cartoon(original, drawing, wanted, stored, key, now)
            new_files += files_of(cartoon)
        attempt.require_wanted()

        def commit(connection: Connection) -> None:
            live_cartoons = queries.live_cartoons(connection, device_id)
            require_quota(live_cartoons, backend.settings.max_live_cartoons)
            # The original was deleted while the cartoon was drawn.
            if not queries.hold_original(connection, device_id, original_id):
                raise NotFound
            if options.style and not options.style_noted:
                queries.set_last_style(connection, original_id, drawing.style)
            queries.add(connection, cartoon)
            attempt.settle(connection, cartoon)

        with stage("commit"):
            await backend.database.write(commit)
    return cartoon


async def _drawn(
    backend: State, original: Original, style: str, options: DrawingOptions, attempt: Attempt
) -> Drawing:
    turn = attempt.turn
    leaves = await may_leave(backend, original.device_id, style, turn.until)
    find = partial(queries.original_of, device_id=original.device_id, original_id=original.id)
    photo = await fetched(backend, original.file_path, find)
    await moderate(backend, attempt, [photo], original.mime_type, "photo", style)
    generating = backend.ai.generate_cartoon(
        [photo], original.mime_type, with_seed(options, turn.key), turn, may_leave=leaves
    )
    with stage("draw"):
        return await attempt.ask(generating)


async def next_style(database: Database, ai: AiClient, original: Original, until: float) -> str:
    """The style after the last one asked for, noted at once so that parallel requests differ.

    Passed over are styles of people for a photo of none, and those that would send it where its
    device did not agree to.
    """
    styles = await ai.styles(until=until)
    names = [style.name for style in styles]

    def move_on(connection: Connection) -> str:
        last = queries.last_style_of(connection, original.id)
        start = names.index(last) + 1 if last in names else 0
        following = styles[start:] + styles[:start]
        possible = (
            style
            for style in following
            if (original.face_count or not style.needs_face)
            and agreed(connection, original.device_id, style)
        )
        style = next(possible, following[0]).name
        queries.set_last_style(connection, original.id, style)
        return style

    return await database.write(move_on)
