"""HTTP in and out of the AI service, a file per noun."""

from fastapi import APIRouter

from cartoon_avatar.ai.routes import (
    drawings,
    engines,
    heads,
    health,
    previews,
    stickers,
    styles,
    thumbnails,
)

router = APIRouter()
for noun in (drawings, previews, heads, stickers, thumbnails, styles, engines, health):
    router.include_router(noun.router)
