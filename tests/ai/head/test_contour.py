from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.contour import clean_contour, closed, decided, without_flicks

UNIT_PX = 200
BALD = np.zeros((300, 300), np.float32)


def head() -> np.ndarray:
    alpha = np.zeros((300, 300), np.float32)
    cv2.circle(alpha, (150, 150), 90, 1.0, -1)
    return alpha


def test_the_outline_is_crisp_and_where_it_was() -> None:
    soft = cv2.GaussianBlur(head(), (0, 0), 6)
    contour = clean_contour(soft, BALD, BALD, BALD, UNIT_PX)
    between = (contour > 0.02) & (contour < 0.98)
    assert between.sum() < 3 * 2 * np.pi * 90
    assert abs(contour.sum() / head().sum() - 1) < 0.01


def test_fuzz_and_floating_smudges_go() -> None:
    alpha = head()
    alpha[40:70, 120:180] = np.maximum(alpha[40:70, 120:180], 0.4)  # a veil over the skull
    cv2.circle(alpha, (280, 40), 10, 1.0, -1)  # a scrap of another
    cv2.line(alpha, (235, 150), (270, 140), 1.0, 1)  # a spur at the ear
    cv2.circle(alpha, (150, 200), 5, 0.0, -1)  # a gap
    contour = clean_contour(alpha, BALD, BALD, BALD, UNIT_PX)
    # But for a fillet at the root of the spur.
    assert (np.abs(contour - clean_contour(head(), BALD, BALD, BALD, UNIT_PX)) > 0.1).sum() < 40


def test_hair_keeps_its_locks_and_skin_has_none() -> None:
    alpha, hair = head(), BALD.copy()
    hair[:150] = head()[:150]
    for lines in (alpha, hair):
        cv2.line(lines, (150, 80), (240, 80), 1.0, 11)
        cv2.line(lines, (150, 120), (285, 120), 1.0, 3)  # a thread, of which its root stays
    cv2.line(alpha, (150, 220), (20, 220), 1.0, 1)
    contour = clean_contour(alpha, hair, BALD, BALD, UNIT_PX)
    assert contour[80, 225] > 0.9
    assert contour[220, 50] == 0
    assert contour[120, 238] > 0.5
    assert contour[120, 270] == 0


def test_nothing_stays_nothing() -> None:
    assert clean_contour(BALD, BALD, BALD, BALD, UNIT_PX).max() == 0


def test_an_edge_that_is_but_guessed_is_drawn_smooth() -> None:
    y, x = np.mgrid[:300, :300] - 150.0
    away = np.hypot(x, y) - 90
    teeth = 2.5 * np.sign(np.sin(40 * np.arctan2(y, x)))
    sharp, guessed = ((away < teeth).astype(np.float32), 1 / (1 + np.exp((away - teeth) / 3)))
    hair = (away < 8).astype(np.float32)

    def length(alpha: np.ndarray) -> int:
        contour = clean_contour(alpha.astype(np.float32), hair, BALD, BALD, UNIT_PX)
        lines, _ = cv2.findContours(
            (contour > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        return max(map(len, lines))

    assert length(sharp) > 1.2 * length(guessed)


def test_a_scalp_has_no_bumps_and_loses_nothing() -> None:
    y, x = np.mgrid[:300, :300] - 150.0
    bumps = 5 * np.sin(20 * np.arctan2(y, x))
    alpha = (np.hypot(x, y) < 90 + bumps).astype(np.float32)
    scalp = np.ones_like(alpha)

    def unevenness(smooth: np.ndarray) -> float:
        contour = clean_contour(alpha, BALD, smooth, BALD, UNIT_PX)
        lines, _ = cv2.findContours(
            (contour > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        return float(np.hypot(*(max(lines, key=len)[:, 0] - 150.0).T).std())

    assert unevenness(scalp) < 0.5 * unevenness(BALD)
    rounded = clean_contour(head(), BALD, scalp, BALD, UNIT_PX)
    assert abs(rounded.sum() / head().sum() - 1) < 0.008


def test_no_slit_between_hair_and_neck_is_closed() -> None:
    alpha = head()
    alpha[200:, 148:152] = 0
    rest = np.zeros_like(alpha)
    rest[200:, 148:152] = 1
    assert clean_contour(alpha, BALD, BALD, rest, UNIT_PX)[220, 150] < 0.1
    assert clean_contour(alpha, BALD, BALD, BALD, UNIT_PX)[220, 150] > 0.9


def test_the_hair_of_a_drawing_has_no_finer_teeth_than_its_strokes() -> None:
    alpha, hair = head(), head()
    for y in range(70, 150, 3):
        alpha[y, 150:] = hair[y, 150:] = (np.arange(150, 300) < 150 + 92).astype(np.float32)
    seen, drawn = (
        clean_contour(alpha, hair, BALD, BALD, 400, drawn=drawn) for drawn in (False, True)
    )
    rough = [np.abs(np.diff(contour[80:140], axis=0)).sum() for contour in (seen, drawn)]
    assert rough[1] < rough[0]


def test_nothing_beside_an_outline_is_half_there() -> None:
    contour = cv2.GaussianBlur(head(), (0, 0), 0.6)
    contour[145:155, 235:246] = np.maximum(contour[145:155, 235:246], 0.4)
    contour[140:150, 140:150] = 0.6
    firm = decided(contour)
    assert firm[145:155, 243:].max() == 0
    assert firm[140:150, 140:150].min() == 1
    assert np.abs(firm - cv2.GaussianBlur(head(), (0, 0), 0.6)).max() < 0.5


def test_what_hangs_ends_where_it_turns_aside() -> None:
    solid = head().astype(np.uint8)
    cv2.rectangle(solid, (80, 150), (110, 290), 1, -1)
    hanging = solid.copy()
    cv2.rectangle(solid, (80, 255), (10, 275), 1, -1)
    down = (np.arange(300, dtype=np.float32)[:, None] - 240) / UNIT_PX + np.zeros((1, 300))
    assert np.array_equal(without_flicks(solid, down, UNIT_PX), hanging)


def test_an_ear_beside_hair_has_no_locks() -> None:
    """However near the hair is: a light behind the ear is taken for skin."""
    ear = head()
    cv2.ellipse(ear, (240, 150), (12, 40), 0, 0, 360, 1.0, -1)
    cv2.line(ear, (240, 150), (264, 150), 1.0, 5)
    skin = np.clip(ear - head(), 0, 1)
    assert clean_contour(ear, head(), BALD, BALD, 2 * UNIT_PX, skin=BALD)[150, 261] > 0.9
    assert clean_contour(ear, head(), BALD, BALD, 2 * UNIT_PX, skin=skin)[150, 261] == 0


def test_painted_hair_has_no_finer_locks_than_strokes() -> None:
    y, x = np.mgrid[:300, :300] - 150.0
    teeth = 1.5 * np.sign(np.sin(70 * np.arctan2(y, x)))
    alpha = (np.hypot(x, y) < 90 + teeth).astype(np.float32)
    contour = clean_contour(alpha, alpha, BALD, BALD, UNIT_PX, drawn=True)
    lines, _ = cv2.findContours(
        (contour > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    assert np.linalg.norm(lines[0][:, 0] - 150.0, axis=1).std() < 0.6


def test_nothing_is_closed_against_the_border_of_the_picture() -> None:
    solid = np.zeros((60, 60), np.uint8)
    cv2.circle(solid, (40, 30), 34, 1, -1)
    assert np.array_equal(closed(solid, 12, padded=True), solid)
