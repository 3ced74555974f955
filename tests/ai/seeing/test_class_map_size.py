"""The smaller class network, made of the published one whenever that is opened."""

from __future__ import annotations

import hashlib

import numpy as np

from cartoon_avatar.ai.seeing.class_map_size import SIDE_PX, resized
from cartoon_avatar.ai.seeing.model_files import PERSON_CLASSES, models_folder
from cartoon_avatar.ai.seeing.models import Network

PUBLISHED = (models_folder() / PERSON_CLASSES.name).read_bytes()


def test_it_is_the_same_on_every_machine() -> None:
    made = hashlib.sha256(resized(PUBLISHED)).hexdigest()
    assert made == "1e8e5e8aa605d1caa4eb795d469522b82482613086b5c0b1295e1f63cb5ac72b"


def test_it_takes_and_gives_smaller_pictures() -> None:
    network = Network(resized(PUBLISHED), threads=1)
    assert network.size == (SIDE_PX, SIDE_PX)
    (classes,) = network(np.full((SIDE_PX, SIDE_PX, 3), 0.5, np.float32))
    assert classes.shape[:2] == (SIDE_PX, SIDE_PX)
    assert np.isfinite(classes).all()
