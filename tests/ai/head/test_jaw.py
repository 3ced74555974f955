from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.jaw import without_jaw_line, without_lines_beside

UNIT_PX, SKIN, DARK = 300.0, 200.0, 90.0
CHIN = (200, 350)


def face() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Skin in an oval, the head that it is, how far below the chin, and the outline."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    middle = np.array(CHIN) - [0, UNIT_PX / 2]
    outline = middle + UNIT_PX * np.stack([0.4 * np.sin(angles), -0.5 * np.cos(angles)], axis=1)
    contour = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(contour, [np.rint(outline).astype(np.int32)], 1)
    contour = cv2.dilate(contour, np.ones((9, 9), np.uint8)).astype(np.float32)
    rgb = np.full((400, 400, 3), SKIN, np.float32) * contour[..., None]
    rows = np.arange(400, dtype=np.float32)[:, None]
    down = np.broadcast_to((rows - CHIN[1]) / np.float32(UNIT_PX), (400, 400))
    return rgb, contour, down.astype(np.float32), outline


def test_a_second_contour_beside_the_jaw_goes() -> None:
    rgb, contour, down, outline = face()
    lined = rgb.copy()
    middle = np.array(CHIN) - [0, UNIT_PX / 2]
    inner = np.rint(middle + 0.96 * (outline - middle)).astype(np.int32)
    cv2.polylines(lined, [inner], True, (DARK,) * 3, 3, cv2.LINE_AA)
    evened = without_lines_beside(lined, contour, down, outline, UNIT_PX)
    low = (down > -0.4) & (cv2.erode(contour, np.ones((5, 5), np.uint8)) > 0)
    before, after = np.abs(lined - rgb)[low], np.abs(evened - rgb)[low]
    assert before.max() > 90
    assert after.max() < 50
    assert after.mean() < 0.2 * before.mean()
    # Higher up it is hair or an ear.
    assert np.array_equal(evened[down < -0.75], lined[down < -0.75])


def test_a_beard_keeps_its_strands() -> None:
    rgb, contour, down, outline = face()
    middle = np.array(CHIN) - [0, UNIT_PX / 2]
    for point in outline[24:49]:
        ends = [tuple(np.rint(middle + far * (point - middle)).astype(int)) for far in (0.85, 0.99)]
        cv2.line(rgb, *ends, (DARK,) * 3, 4, cv2.LINE_AA)
    evened = without_lines_beside(rgb, contour, down, outline, UNIT_PX)
    assert np.abs(evened - rgb).mean() < 0.05


def test_plain_skin_and_pictures_without_a_face_stay_as_they_are() -> None:
    rgb, contour, down, outline = face()
    shade = rgb * np.linspace(0.7, 1, 400, dtype=np.float32)[:, None]
    assert np.abs(without_lines_beside(shade, contour, down, outline, UNIT_PX) - shade).max() < 1
    far = outline + 2000
    assert np.array_equal(without_lines_beside(rgb, contour, down, far, UNIT_PX), rgb)


def shaded(rgb: np.ndarray) -> np.ndarray:
    """``rgb`` with the left of the face in broad shade."""
    shade = np.interp(np.arange(400), [160, 190], [0.65, 1.0]).astype(np.float32)
    return np.asarray(rgb * shade[None, :, None])


def test_the_shadow_of_a_jaw_goes_where_the_cheek_is_in_shade_too() -> None:
    rgb, contour, down, outline = face()
    rgb = shaded(rgb)
    depth = cv2.distanceTransform((contour > 0).astype(np.uint8), cv2.DIST_L2, 5)
    shadow = np.where((depth < 10) & (down > -0.3), 0.6, 1.0).astype(np.float32)
    evened = without_jaw_line(rgb * shadow[..., None], contour, down, outline, UNIT_PX)
    jaw = (depth > 3) & (depth < 8) & (down > -0.2) & (contour > 0)
    left = jaw & (np.arange(400) < CHIN[0] - 45)
    assert np.abs(rgb * shadow[..., None] - rgb)[left].mean() > 30
    assert np.abs(evened - rgb)[left].mean() < 12


def test_a_beard_along_a_jaw_stays() -> None:
    rgb, contour, down, outline = face()
    depth = cv2.distanceTransform((contour > 0).astype(np.uint8), cv2.DIST_L2, 5)
    beard = (depth < 45) & (down > -0.4) & (contour > 0)
    rgb[beard] = DARK
    evened = without_jaw_line(rgb, contour, down, outline, UNIT_PX)
    low = beard & (down > -0.25)
    assert np.abs(evened - rgb)[low].mean() < 8
