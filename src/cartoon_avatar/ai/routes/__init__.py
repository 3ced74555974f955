"""HTTP in and out of the AI service, a file per noun."""

from fastapi import APIRouter

from cartoon_avatar.ai.routes import (
    drawings,
    heads,
    health,
    previews,
    stickers,
    styles,
    thumbnails,
)

router = APIRouter()
for noun in (drawings, previews, heads, stickers, thumbnails, styles, health):
    router.include_router(noun.router)
