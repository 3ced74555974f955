"""The head among the classes: which hair, skin, cloth and things belong to it."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.classes import UNNAMED
from cartoon_avatar.ai.head.covering import covering
from cartoon_avatar.ai.head.view import View
from cartoon_avatar.ai.seeing.matting import (
    BACKGROUND,
    BODY_SKIN,
    CLOTHES,
    FACE_SKIN,
    HAIR,
    OTHER,
)

# How far a hand may reach into the outline of a head, in face heights, to be filled in.
_NOTCH = 0.12
# How far the outline of a face may be off, in face heights.
_RIM = 0.04
# How near another's head is beside, in face heights.
_BESIDE = 0.15
# In face heights below the chin: where ears end and a neck may begin, and where only a neck is.
_LOBES, _BELOW_CHIN = (-0.5, -0.35), 0.1
# Of the lower face: cloth over less of it is a collar, over more of it a mask.
_MASK = 0.15, 0.25


def head_by_classes(view: View, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Head and rest of the person, each P×P float32 0..1, and how far there is a hat, 0..1."""
    down, ruler = view.down, view.ruler
    above_chin = 1 - smoothstep(down, -0.06, 0.04)
    above_brows = 1 - smoothstep(down, -0.75, -0.55)
    sideways, from_skull = view.sideways, view.from_skull
    aside = np.abs(sideways)
    skull = 1 - smoothstep(from_skull, 0.92, 1.08)

    # Skin above the brows is scalp, lower down it is ear; beyond the skull it is a hand, and
    # so it is before a face that is turned away.
    turned = smoothstep(np.float32(abs(ruler.turn)), 0.05, 0.2)
    before = smoothstep(np.copysign(1, ruler.turn) * sideways, 0.3, 0.4)
    before = (turned * before * (1 - above_brows)).astype(np.float32)
    scalp = skull * (1 - smoothstep(down, -0.35, -0.2)) * (1 - before)
    scalp *= 1 - _neck(classes[..., BODY_SKIN], down) * smoothstep(down, *_LOBES)
    # Beside another's head it is a neck or a shoulder: the ears there are seen as face.
    scalp *= np.maximum(above_brows, 1 - _beside_another(view))
    # Cloth belongs to the head where it takes the place of hair: over the crown as a hat,
    # and where it closes in the face on both sides, as a scarf or hood, down to the chin.
    hat, wrap = covering(classes, sideways, down, from_skull, ruler.turn)
    cloth = np.maximum(
        above_brows * hat, hat * wrap * above_chin * (1 - smoothstep(from_skull, 1.45, 1.75))
    )
    # Glasses, head-phones and ear-rings hug the face; a cup or another's helmet does not.
    worn = np.maximum(cloth, above_chin * (1 - smoothstep(aside, 0.7, 0.85)))
    worn = np.maximum(worn, above_brows)

    head = (
        classes[..., HAIR]
        + classes[..., FACE_SKIN]
        + classes[..., OTHER] * worn
        + classes[..., BODY_SKIN] * scalp
        + classes[..., CLOTHES] * np.maximum(cloth, above_brows * skull)
        # Far from the head the person model sees persons in flags and curtains.
        + classes[..., UNNAMED] * cloth * (1 - smoothstep(from_skull, 1.9, 2.3))
    )
    person = 1 - classes[..., BACKGROUND]
    # The face is the head's whatever covers it and whatever the network takes it for, but the mesh
    # of a profile overhangs it.
    core = cv2.erode(view.oval, disc(_RIM * view.unit_px)) * (1 - turned)
    sure = np.maximum(core, view.oval * (1 - smoothstep(classes[..., BACKGROUND], 0.8, 0.95)))
    head = np.maximum(head, sure * (1 - _collar(classes[..., CLOTHES], view)))
    hand = classes[..., BODY_SKIN] * ((aside > 0.55) | (down < -0.35)) * above_chin * (1 - before)
    head = _without_notches(head, hand, _NOTCH * view.unit_px)
    head = head * view.mine * hair_limit(aside, down)
    return head, np.clip(person - head, 0, 1), hat


def _neck(skin: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Where ``skin`` goes on below the chin: P×P bool. Scalp and ears are parted from it."""
    _, pieces = cv2.connectedComponents((skin > 0.3).astype(np.uint8))
    below = np.unique(pieces[down > _BELOW_CHIN])
    return np.isin(pieces, below[below > 0])


def _beside_another(view: View) -> np.ndarray:
    """Where another's head begins so near that what lies there may be its own: P×P, 0..1."""
    near = (2 * round(_BESIDE * view.unit_px) + 1,) * 2
    return 1 - smoothstep(cv2.blur(view.mine, near), 0.7, 1.0)


def _collar(cloth: np.ndarray, view: View) -> np.ndarray:
    """Cloth before the lower face, P×P float32 0..1; none where it is a mask that covers it."""
    below = view.oval * smoothstep(view.down, -0.5, -0.4)
    share = float((cloth * below).sum() / max(1.0, below.sum()))
    return cloth * below * (1 - smoothstep(share, *_MASK))


def _without_notches(head: np.ndarray, hand: np.ndarray, reach_px: float) -> np.ndarray:
    """``head`` with what of a ``hand`` reaches into its outline: a gap would look like damage."""
    closed = cv2.morphologyEx((head > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, disc(reach_px))
    return np.maximum(head, hand * closed)


def hair_limit(aside: np.ndarray, down: np.ndarray) -> np.ndarray:
    """0 where hair hangs so far below the chin that a sticker ends, along a curve."""
    far = np.hypot(aside / 1.4, (down + 0.45) / 1.0)
    return 1 - smoothstep(far, 0.83, 1.11) * smoothstep(down, -0.2, 0.1)
