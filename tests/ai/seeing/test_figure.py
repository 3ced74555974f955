from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import features_of
from cartoon_avatar.ai.seeing.figure import whole_figure, without_islands
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from tests.ai import seen


def test_a_lost_shoulder_comes_back_and_the_rest_stays() -> None:
    photo = seen.officer()
    faces = open_face_finder(seen.models())(photo)
    people = [features_of(face.landmarks) for face in faces]
    person = open_mask_finder(seen.models())(photo, faces).person
    x, y = people[0].landmarks[152].astype(int)
    shoulder = np.s_[y + 120 : y + 170, x - 150 : x - 100]
    torn = person.copy()
    torn[shoulder] = 0
    whole = whole_figure(torn, photo.rgb, people)
    assert whole[shoulder].mean() > 0.8
    assert np.array_equal(whole[: y // 2], torn[: y // 2])
    assert (whole >= torn).all()


def test_without_an_example_of_both_the_mask_stays_as_it_is() -> None:
    photo = seen.officer()
    people = [features_of(f.landmarks) for f in open_face_finder(seen.models())(photo)]
    nobody = np.zeros(photo.rgb.shape[:2], np.float32)
    assert whole_figure(nobody, photo.rgb, people) is nobody


def test_scraps_of_strangers_go_and_pinholes_close() -> None:
    photo = seen.officer()
    people = [features_of(f.landmarks) for f in open_face_finder(seen.models())(photo)]
    person = np.zeros(photo.rgb.shape[:2], np.float32)
    person[150:] = 1  # the officer, head to foot
    person[10:40, 10:40] = 1  # a scrap
    person[40:43, 10:40] = 0.3  # and its soft rim
    person[400:404, 300:304] = 0  # a pinhole
    clean = without_islands(person, people)
    assert clean[:140].max() == 0
    assert clean[150:].min() == 1


def test_a_large_figure_without_a_face_stays() -> None:
    photo = seen.officer()
    people = [features_of(f.landmarks) for f in open_face_finder(seen.models())(photo)]
    person = np.zeros(photo.rgb.shape[:2], np.float32)
    person[150:, 200:] = 1
    person[:, :150] = 1
    assert np.array_equal(without_islands(person, people), person)
