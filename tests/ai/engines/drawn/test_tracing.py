from __future__ import annotations

import re

import numpy as np

from cartoon_avatar.ai.engines.drawn.tracing import Level, traced

SIDE = 100


def disc(radius: float) -> np.ndarray:
    down, across = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2 + 0.5
    return np.hypot(across, down) < radius


def picture(dark: np.ndarray) -> np.ndarray:
    lab = np.zeros((SIDE, SIDE, 3), np.float32)
    lab[...] = np.where(dark[..., None], (30, 10, 20), (80, 0, 5))
    return lab


def points_of(path: str) -> np.ndarray:
    """Where the curves of ``path`` meet: a place, then steps."""
    found = []
    for ring in path.split("M")[1:]:
        start, first, *steps = re.split("[qt]", ring.rstrip("Z"))
        place = numbers(start)
        moves = [numbers(first)[-2:], *numbers("".join(steps)).reshape(-1, 2)]
        found += [place, *(place + np.cumsum(moves, axis=0))]
    return np.array(found)


def numbers(text: str) -> np.ndarray:
    return np.array([float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)])


def test_a_dark_disc_is_one_round_shape_of_its_colour():
    lab = picture(disc(30))

    [(path, colour)] = traced(lab, lab[..., 0], [Level(55, True, 50, 1.0)], scale=1.0)

    reach = np.hypot(*(points_of(path) - SIDE / 2).T)
    assert np.abs(reach - 30).max() < 1.5
    np.testing.assert_allclose(colour, (30, 10, 20), atol=0.5)


def test_units_are_those_of_the_scale():
    lab = picture(disc(30))

    [(path, _)] = traced(lab, lab[..., 0], [Level(55, True, 5, 0.5)], scale=2.0)

    reach = np.hypot(*(points_of(path) - SIDE / 4).T)
    assert np.abs(reach - 15).max() < 1


def test_a_ring_keeps_its_hole():
    lab = picture(disc(30) & ~disc(15))

    [(path, _)] = traced(lab, lab[..., 0], [Level(55, True, 50, 1.0)], scale=1.0)

    assert path.count("Z") == 2


def test_small_shapes_are_left_out():
    lab = picture(disc(4))

    assert not list(traced(lab, lab[..., 0], [Level(55, True, 100, 1.0)], scale=1.0))


def test_nested_levels_have_the_colours_of_their_bands():
    lab = picture(disc(40))
    lab[disc(20)] = (10, 0, 0)

    shapes = list(
        traced(lab, lab[..., 0], [Level(55, True, 50, 1.0), Level(20, True, 50, 1.0)], scale=1.0)
    )

    assert [round(float(colour[0])) for _, colour in shapes] == [30, 10]


def test_a_shape_that_meets_the_frame_goes_on_beyond_it():
    lab = picture(np.indices((SIDE, SIDE))[1] < 50)

    [(path, _)] = traced(lab, lab[..., 0], [Level(55, True, 50, 1.0)], scale=1.0)

    assert points_of(path)[:, 0].min() < 0


def test_what_is_not_seen_is_left_out():
    lab = picture(disc(10))
    beside = np.indices((SIDE, SIDE))[1] < 30

    assert not list(traced(lab, lab[..., 0], [Level(55, True, 50, 1.0)], 1.0, seen=beside))
    assert list(traced(lab, lab[..., 0], [Level(55, True, 50, 1.0)], 1.0, seen=~beside))


def test_a_neighbour_of_another_hue_gives_no_colour():
    """Skin beside a red dress that is as light; a dress alone still gives its own."""
    lab = picture(disc(30))
    own = np.ones((SIDE, SIDE), bool)
    own[:, 55:] = False
    lab[~own & disc(30)] = 30, 60, 40

    levels = [Level(55, True, 50, 1.0)]
    [(_, colour)] = traced(lab, lab[..., 0], levels, scale=1.0, own=own)
    [(_, alone)] = traced(lab[:, 55:], lab[:, 55:, 0].copy(), levels, scale=1.0, own=own[:, 55:])

    np.testing.assert_allclose(colour, (30, 10, 20), atol=0.5)
    np.testing.assert_allclose(alone, (30, 60, 40), atol=0.5)
