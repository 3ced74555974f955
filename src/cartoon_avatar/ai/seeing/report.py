"""What was seen in a photo, as a picture to look at and as values for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.features import features_of
from cartoon_avatar.ai.seeing.matting import Masks
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.ai.seeing.subject import Read, Subject

_SIDE_PX, _TEXT_PX, _LINE_PX = 640, 500, 21
_TINTS = {
    "hair": (220, 30, 40),
    "face_skin": (255, 220, 40),
    "body_skin": (255, 140, 0),
    "clothes": (40, 90, 255),
    "other": (30, 210, 60),
}


def values_of(scene: Scene) -> dict[str, Any]:
    """Names in camelCase as in all JSON; lengths are pixels of the photo."""
    crop = scene.crop
    return {
        "faces": len(scene.faces),
        "crop": {"left": crop.left, "top": crop.top, "width": crop.width, "height": crop.height},
        "masksTrusted": scene.masks.trusted if scene.masks else None,
        "people": [_camel(asdict(subject)) for subject in scene.subjects],
    }


def _camel(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    names = {name: name.split("_") for name in value}
    return {
        words[0] + "".join(word.capitalize() for word in words[1:]): _camel(value[name])
        for name, words in names.items()
    }


def picture_of(scene: Scene) -> Picture:
    """The framed photo, the masks and landmarks on it, and the first person in words."""
    photo = shrunk(scene.picture.rgb, _SIDE_PX)
    size = photo.shape[1::-1]
    seen = photo.astype(np.float32)
    if scene.masks is not None:
        seen = _tinted(seen, scene.masks, size)
    seen = np.ascontiguousarray(seen.clip(0, 255).astype(np.uint8))
    for face in scene.people:
        features = features_of(face.landmarks * np.float32(size[0] / scene.picture.width))
        colour = (255, 255, 255) if face.confirmed else (255, 60, 60)
        outlines = [features.oval, features.lips, features.mouth, features.nose]
        outlines += [eye.outline for eye in features.eyes]
        outlines += [cv2.convexHull(brow)[:, 0] for brow in features.brows]
        for outline in outlines:
            points = np.round(outline * 16).astype(np.int32)
            cv2.polylines(seen, [points], True, colour, 1, cv2.LINE_AA, shift=4)
    lines = _lines(scene)
    height = max(size[1], _LINE_PX * (len(lines) + 1))
    whole = Image.new("RGB", (2 * size[0] + _TEXT_PX, height), "white")
    whole.paste(Image.fromarray(photo), (0, 0))
    whole.paste(Image.fromarray(seen), (size[0], 0))
    brush, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for number, (text, colour) in enumerate(lines):
        place = 2 * size[0] + 12, 8 + number * _LINE_PX
        brush.text((place[0] + 22, place[1]), text, "black", font)
        if colour is not None:
            brush.rectangle((*place, place[0] + 15, place[1] + 15), colour, "black")
    return Picture(np.asarray(whole))


def lines_of(scene: Scene) -> list[str]:
    """The first person in words, a line a property."""
    return [text for text, _ in _lines(scene)]


def _tinted(photo: np.ndarray, masks: Masks, size: tuple[int, int]) -> np.ndarray:
    behind = 1 - cv2.resize(masks.person, size, interpolation=cv2.INTER_AREA)[..., None]
    seen = photo * (1 - 0.6 * behind)
    for name, tint in _TINTS.items():
        share = 0.45 * cv2.resize(getattr(masks, name), size, interpolation=cv2.INTER_AREA)
        seen += share[..., None] * (np.asarray(tint, np.float32) - seen)
    return seen


def _lines(scene: Scene) -> list[tuple[str, tuple[int, int, int] | None]]:
    count = f"{len(scene.faces)} face{'' if len(scene.faces) == 1 else 's'}"
    if not scene.subjects:
        return [(count, None)]
    trusted = "" if scene.masks is None or scene.masks.trusted else ", masks not trusted"
    first = scene.subjects[0]
    lines: list[tuple[str, tuple[int, int, int] | None]] = [(count + trusted, None)]
    for name in Subject.__dataclass_fields__:
        value = getattr(first, name)
        words = name.replace("_", " ")
        if not isinstance(value, Read):
            lines.append((f"{words}: {'not read' if value is None else _said(value)}", None))
            continue
        colour = _rgb(value.value) if name.endswith(("skin", "colour")) else None
        lines.append((f"{words}: {_said(value.value)}  ({value.confidence:.0%})", colour))
    return lines


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_said(part) for part in value)
    if hasattr(value, "__dataclass_fields__"):
        return ", ".join(f"{name} {_said(part)}" for name, part in asdict(value).items())
    return str(value)


def _rgb(lab: tuple[float, float, float]) -> tuple[int, int, int]:
    colour = cv2.cvtColor(np.asarray([[lab]], np.float32), cv2.COLOR_LAB2RGB)[0, 0]
    red, green, blue = (round(255 * float(part)) for part in np.clip(colour, 0, 1))
    return red, green, blue
