from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import area, features_of, grown, smooth_curve
from tests.ai import seen


def test_parts_of_a_real_face_lie_where_a_face_has_them() -> None:
    face = features_of(open_face_finder(seen.models())(seen.astronaut())[0].landmarks)
    eyes = [eye.outline.mean(axis=0) for eye in face.eyes]
    mouth, nose = face.lips.mean(axis=0), face.nose_base.mean(axis=0)
    assert eyes[0][0] < nose[0] < eyes[1][0]
    assert max(eye[1] for eye in eyes) < nose[1] < mouth[1]
    for eye, brow in zip(face.eyes, face.brows, strict=True):
        assert brow[:, 1].mean() < eye.upper[:, 1].mean() < eye.lower[:, 1].mean()
        assert 0 < eye.opening < eye.width
        assert eye.radius < eye.width / 2
    assert 0.8 * face.height < np.ptp(face.oval[:, 1]) < 1.3 * face.height


SQUARE = np.float32([[10, 10], [30, 10], [30, 30], [10, 30]])


def test_an_area_is_one_inside_and_nought_outside() -> None:
    mask = area((40, 40), SQUARE)
    assert mask[20, 20] == 1
    assert mask[5, 5] == 0
    assert abs(mask.sum() - 400) < 60


def test_growing_keeps_the_centre() -> None:
    bigger = grown(SQUARE, 1.5)
    assert np.allclose(bigger.mean(axis=0), SQUARE.mean(axis=0))
    assert np.allclose(np.ptp(bigger, axis=0), 30)


def test_a_smooth_curve_passes_through_its_points() -> None:
    curve = smooth_curve(SQUARE)
    for point in SQUARE:
        assert np.linalg.norm(curve - point, axis=1).min() < 1e-4
