"""What holds for every picture, tried on made-up ones: ``--pictures`` of them from ``--first``."""

from __future__ import annotations

from collections import Counter

import numpy as np

from cartoon_avatar.ai.head.cut import cut
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import OVAL, area
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.report import values_of
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from cartoon_avatar.contract.boxes import FaceBox
from cartoon_avatar.contract.errors import NoFace
from tests.ai import seen
from tests.ai.seeing.made_up import made_up


def scene_of(picture: Picture, number: int) -> Scene:
    models = seen.models()
    framing = "portrait" if number % 2 else "full"
    side = (256, 512, 1024)[number % 3]
    return open_scene(
        picture, open_face_finder(models), open_mask_finder(models), framing=framing, long_side=side
    )


def planes_of(scene: Scene) -> list[np.ndarray]:
    landmarks = [face.landmarks for face in scene.people]
    if scene.masks is None:
        return landmarks
    names = [name for name in scene.masks.__dataclass_fields__ if name != "trusted"]
    return [*landmarks, *(getattr(scene.masks, name) for name in names)]


def faults_of(number: int) -> list[str]:
    """What does not hold of the picture with this number."""
    picture = made_up(number).picture
    scene = scene_of(picture, number)
    again = scene_of(Picture(picture.rgb.copy(), picture.alpha), number)
    faults = []
    first, second = planes_of(scene), planes_of(again)
    if len(first) != len(second) or not all(map(np.array_equal, first, second)):
        faults.append("another result from the same bytes")
    if not all(np.isfinite(plane).all() for plane in first):
        faults.append("not finite")
    if scene.masks is not None and not all(
        plane.min() >= 0 and plane.max() <= 1.001 for plane in first[len(scene.people) :]
    ):
        faults.append("a mask beyond 0..1")
    for x, y in map(middle_of, scene.faces):
        if not (-1 <= x <= picture.width + 1 and -1 <= y <= picture.height + 1):
            faults.append("a face outside the picture")
    faults += uncovered(scene)
    if len(values_of(scene)["people"]) != len(scene.people):
        faults.append("a person not read")
    return faults + of_the_head(picture, scene)


def middle_of(face: FaceBox) -> tuple[float, float]:
    left, top, width, height = face.box
    return left + width / 2, top + height / 2


def uncovered(scene: Scene) -> list[str]:
    if scene.masks is None:
        return []
    shape = scene.masks.person.shape
    opaque = scene.picture.alpha is None or scene.picture.alpha == 255
    found = []
    for face in scene.people:
        oval = (area(shape, face.landmarks[list(OVAL)]) > 0.5) & opaque
        # Of a smaller one nearly all is rim, half covered.
        if face.confirmed and oval.sum() > 200 and scene.masks.person[oval].mean() < 0.97:
            found.append("a face that is not person")
    return found


def of_the_head(picture: Picture, scene: Scene) -> list[str]:
    try:
        head = cut(picture, seen.models(), picture)
    except NoFace:
        return ["a face for the drawing, none for the head"] if scene.faces else []
    faults = []
    if head.faces != len(scene.faces):
        faults.append("another number of faces for the drawing than for the head")
    x, y = middle_of(scene.faces[0])
    left, top, wide, high = head.box
    if not (left <= x <= left + wide and top <= y <= top + high):
        faults.append("a head that is not where its face is")
    return faults


def test_what_is_seen_holds_for_drawing_and_head(numbers: range) -> None:
    kinds: Counter[str] = Counter()
    wrong: dict[int, list[str]] = {}
    for number in numbers:
        made = made_up(number)
        kinds.update(made.kinds or ["plain"])
        if faults := faults_of(number):
            wrong[number] = [*faults, *made.kinds, str(made.rgb.shape)]
            print(number, wrong[number], flush=True)
    print(dict(kinds.most_common()))  # seen with -s, and when it fails
    assert not wrong
