from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from cartoon_avatar.contract.errors import NoFace
from tests.ai import seen

NAMES = [style.name for style in drawn.STYLES]
STYLES = {style.name: style for style in drawn.STYLES}
SIDE_PX = 512


@cache
def scene(name: str) -> Scene:
    models = seen.models()
    photo = getattr(seen, name)()
    return open_scene(photo, open_face_finder(models), open_mask_finder(models), long_side=SIDE_PX)


def digest(svg: str) -> str:
    return hashlib.sha256(svg.encode()).hexdigest()


def test_the_same_arguments_give_the_same_drawing_in_another_process():
    program = (
        "from tests.ai.engines.drawn import test_recipe as t;"
        "print(t.digest(t.drawn.svg(t.scene('astronaut'), t.STYLES['ink'], 3)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == digest(drawn.svg(scene("astronaut"), STYLES["ink"], 3))


def test_styles_that_share_what_was_made_for_others_look_as_alone():
    shared = replace(scene("officer"))
    together = {name: drawn.svg(shared, STYLES[name], 0) for name in NAMES}

    for name in ("ink", "flat", "sticker"):
        assert drawn.svg(replace(scene("officer")), STYLES[name], 0) == together[name]


def test_another_seed_looks_different():
    drawings = {digest(drawn.svg(scene("astronaut"), STYLES["ink"], seed)) for seed in range(4)}

    assert len(drawings) == 4


def test_ink_stands_before_a_bold_ground():
    corner = np.s_[8:200, 8:80]
    for seed in range(3):
        ground = drawn.draw(scene("astronaut"), STYLES["ink"], seed).picture.rgb[corner]
        colours, counts = np.unique(ground.reshape(-1, 3) // 8, axis=0, return_counts=True)

        # Two inks at least, each over a good part, and no grey.
        assert np.sort(counts)[-2] > 0.02 * counts.sum()
        assert np.ptp(colours.max(axis=0)) > 5


def test_looks_differ_at_a_glance():
    pictures = [
        drawn.draw(scene("astronaut"), style, 0).picture.rgb.astype(float) for style in drawn.STYLES
    ]

    for index, one in enumerate(pictures):
        for other in pictures[:index]:
            assert np.abs(one - other).mean() > 4


@pytest.mark.parametrize("name", NAMES)
def test_an_svg_holds_closed_shapes_and_nothing_that_acts(name: str):
    style = STYLES[name]
    # All grounds that a seed may choose.
    documents = [
        drawn.svg(scene("officer"), replace(style, grounds=(ground,)), 0)
        for ground in sorted(set(style.grounds))
    ]
    allowed = {
        "svg": {"viewBox", "width", "height"},
        "defs": set(),
        "clipPath": {"id"},
        "g": {"clip-path", "opacity"},
        "path": {
            "d", "fill", "fill-rule", "clip-rule", "opacity", "fill-opacity", "stroke",
            "stroke-width", "stroke-linejoin", "stroke-linecap",
        },
    }  # fmt: skip

    for document in documents:
        for element in ElementTree.fromstring(document).iter():
            tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
            assert set(element.attrib) <= allowed[tag]
            # Drawn apart: else browsers show a line along the edge of a clip.
            assert tag != "g" or float(element.attrib["opacity"]) < 1
            for attribute, value in element.attrib.items():
                if attribute in ("fill", "stroke"):
                    assert re.fullmatch(r"#[0-9a-f]{6}|none", value)
                elif attribute == "clip-path":
                    assert re.fullmatch(r"url\(#c\d+\)", value)
                elif attribute == "d":
                    assert re.fullmatch(r"[MLCcQTqtZ0-9.\- ]+", value)
                    assert value.endswith("Z")
        assert len(document) < (1_800_000 if style.scene else 550_000)


@pytest.mark.parametrize("photo", ["astronaut", "officer"])
@pytest.mark.parametrize("name", NAMES)
def test_the_face_is_found_again_where_it_was(photo: str, name: str):
    before = scene(photo).people[0].landmarks
    picture = drawn.draw(scene(photo), STYLES[name], 0).picture
    if picture.alpha is not None:
        alpha = picture.alpha[..., None] / 255
        picture = Picture((picture.rgb * alpha + 255 * (1 - alpha)).astype(np.uint8))

    found = open_face_finder(seen.models())(picture)

    assert found
    height = np.linalg.norm(before[152] - before[10])
    away = np.linalg.norm(found[0].landmarks - before, axis=1) / height
    assert np.median(away) < 0.05


def test_a_sticker_is_transparent_around_its_white_rim():
    picture = drawn.draw(scene("astronaut"), STYLES["sticker"], 0).picture

    assert picture.alpha is not None
    assert picture.alpha[4, 4] == 0
    opaque = np.flatnonzero(picture.alpha[200] == 255)
    assert picture.rgb[200, opaque[2]].min() > 225


def test_the_head_is_cut_along_its_shapes():
    alpha = drawn.head_alone(scene("astronaut"), STYLES["ink"], 0).rendered(700, 700).alpha
    landmarks = scene("astronaut").people[0].landmarks * 700 / SIDE_PX

    assert alpha is not None
    assert alpha.shape == (700, 700)
    for index in (4, 10, 152):
        x, y = landmarks[index].astype(int)
        assert alpha[y - (6 if index == 152 else 0), x] == 255
    assert alpha[-5:].max() == 0
    assert alpha[5, 5] == 0


def test_without_a_face_there_is_nothing_to_draw():
    nobody = replace(scene("astronaut"), people=[])

    with pytest.raises(NoFace):
        drawn.draw(nobody, STYLES["ink"], 0)
    with pytest.raises(NoFace):
        drawn.svg(nobody, STYLES["ink"], 0)


def test_a_face_without_masks_is_still_drawn():
    bare = replace(scene("astronaut"), masks=None)

    assert drawn.draw(bare, STYLES["ink"], 0).picture.width == SIDE_PX


@pytest.mark.parametrize("name", NAMES)
def test_a_small_profile_is_drawn(name: str):
    drawing = drawn.draw(scene("cameraman"), STYLES[name], 0)

    assert max(drawing.picture.width, drawing.picture.height) <= SIDE_PX


@pytest.mark.parametrize("px", [24, 40])
def test_a_tiny_photo_is_drawn(px: int):
    models = seen.models()
    small = open_scene(
        seen.astronaut(), open_face_finder(models), open_mask_finder(models), long_side=px
    )

    assert drawn.draw(small, STYLES["ink"], 0).picture.width == px


def test_a_face_at_the_rim_is_drawn():
    whole = scene("astronaut")
    face = whole.people[0]
    for shift in ((-0.3, 0.0), (0.3, 0.2), (0.0, -0.4)):
        moved = replace(face, landmarks=face.landmarks + np.float32(shift) * SIDE_PX)

        assert drawn.draw(replace(whole, people=[moved]), STYLES["flat"], 1)
