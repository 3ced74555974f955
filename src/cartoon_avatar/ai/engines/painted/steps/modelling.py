"""Light and shade that model a face, where broad skin has flattened them."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown

# Around a nose, from its root to its wings.
_NOSE = 168, 193, 417, 129, 358, 2, 98, 327
# Fine and broad forms: between which blurs they lie, face heights, how much of what a painting
# lacks of the photo's it gets back, and how much at most, L.
_BRIDGE, _CHEEKS = (0.008, 0.07, 0.8, 14.0), (0.03, 0.2, 0.4, 8.0)


def model_face(lab: np.ndarray, photo: np.ndarray, person: Features) -> None:
    """Give back to the nose of ``person`` in ``lab`` the sides that it has in ``photo``, and to the
    face its broad forms, in place. Both are H×W×3 CIELAB."""
    box = box_around(lab.shape, person.oval, 0)
    if box is None or person.height < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    here, size = lab[box], face.height
    shape = here.shape[:2]
    outline = cv2.convexHull(face.landmarks[list(_NOSE)].astype(np.float32))[:, 0]
    nose = area(shape, outline, soft_px=0.03 * size)
    features = [grown(eye.outline, 1.3) for eye in face.eyes]
    features += [*face.brows, grown(face.lips, 1.1)]
    cheeks = area(shape, grown(face.oval, 0.85), soft_px=0.06 * size) * (1 - nose)
    cheeks *= 1 - area(shape, *features, soft_px=0.02 * size)
    lacking = np.ascontiguousarray(photo[box][..., 0] - here[..., 0])
    for where, (fine, broad, share, most) in ((nose, _BRIDGE), (cheeks, _CHEEKS)):
        form = blurred(lacking, fine * size) - blurred(lacking, broad * size)
        here[..., 0] += np.clip(share * where * form, -most, most)
