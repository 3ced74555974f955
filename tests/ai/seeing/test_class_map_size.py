"""The class network, made smaller when it was fetched."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.seeing.class_map_size import SIDE_PX
from cartoon_avatar.ai.seeing.model_files import PERSON_CLASSES, models_folder
from cartoon_avatar.ai.seeing.models import Network


def test_it_takes_and_gives_smaller_pictures() -> None:
    network = Network(models_folder() / PERSON_CLASSES.name, threads=1)
    assert network.size == (SIDE_PX, SIDE_PX)
    (classes,) = network(np.full((SIDE_PX, SIDE_PX, 3), 0.5, np.float32))
    assert classes.shape[:2] == (SIDE_PX, SIDE_PX)
    assert np.isfinite(classes).all()
