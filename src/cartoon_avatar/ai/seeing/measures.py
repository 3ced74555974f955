"""Values and colours of zones of a face chart."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.seeing.face_chart import Chart
from cartoon_avatar.ai.seeing.subject import Lab, Read, Value


def read(value: Value, confidence: float) -> Read[Value] | None:
    return Read(value, round(float(confidence), 2)) if confidence > 0.05 else None


def mean_in(plane: np.ndarray, zone: np.ndarray) -> float:
    return float(plane[zone].mean()) if zone.any() else 0.0


def median_in(plane: np.ndarray, zone: np.ndarray) -> float:
    return float(np.median(plane[zone])) if zone.any() else 0.0


def lab_in(chart: Chart, zone: np.ndarray) -> Lab:
    light, a, b = np.median(chart.lab[zone], axis=0)
    return round(float(light), 1), round(float(a), 1), round(float(b), 1)


def colour_in(chart: Chart, zone: np.ndarray, confidence: float) -> Read[Lab] | None:
    return Read(lab_in(chart, zone), confidence) if zone.sum() >= 20 else None
