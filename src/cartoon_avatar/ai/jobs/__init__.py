"""What a worker process does: bytes in, bytes out. Runs in the workers, never in the server."""

from cartoon_avatar.ai.jobs.drawings import CartoonOptions, Drawn, draw, draw_cartoon, draw_svg
from cartoon_avatar.ai.jobs.generations import Judged, Prepared, judge, prepare
from cartoon_avatar.ai.jobs.heads import DrawnAs, HeadOptions, cut_head, head_of
from cartoon_avatar.ai.jobs.marks import mark_of_drawing, mark_of_part
from cartoon_avatar.ai.jobs.previews import draw_previews
from cartoon_avatar.ai.jobs.results import Result, make_thumbnail
from cartoon_avatar.ai.jobs.tools import Tools, open_tools, styles_in

__all__ = [
    "CartoonOptions",
    "Drawn",
    "DrawnAs",
    "HeadOptions",
    "Judged",
    "Prepared",
    "Result",
    "Tools",
    "cut_head",
    "draw",
    "draw_cartoon",
    "draw_previews",
    "draw_svg",
    "head_of",
    "judge",
    "make_thumbnail",
    "mark_of_drawing",
    "mark_of_part",
    "open_tools",
    "prepare",
    "styles_in",
]
