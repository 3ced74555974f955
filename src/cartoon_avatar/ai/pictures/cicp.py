"""Colours coded by the numbers of ITU-T H.273 to sRGB, HDR ones tone-mapped.

PQ and HLG are those of Rec. ITU-R BT.2100-2. What is brighter than a white page is compressed by
the EETF of Report ITU-R BT.2390-11 (5.4.1), of the largest of R, G and B, so that hues stay.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from cartoon_avatar.containers import Cicp

_PQ, _HLG = 16, 18
# Luminance of a white page (BT.2408-7) and of the brightest display that PQ knows, cd/m².
_WHITE = 203.0
_PQ_PEAK = 10_000.0
# The default display of HLG: peak luminance, cd/m², and gamma.
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
# Shares of the pixels that may be brighter than what counts as a picture's brightest.
_SPECKS = 0.001
_BAND_ROWS = 256

# Red, green, blue and white, CIE xy (H.273, table 2).
_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),  # BT.709, sRGB
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),  # BT.2020, BT.2100
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),  # DCI P3
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),  # Display P3
}
# Transfer characteristics other than sRGB's; those of video are shown as sRGB's, as browsers do.
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}


def is_hdr(coding: Cicp) -> bool:
    return coding.transfer in (_PQ, _HLG)


def is_srgb(coding: Cicp) -> bool:
    """Whether the numbers are to be taken as they are: for what we do not know, too."""
    plain = not is_hdr(coding) and coding.transfer not in _GAMMAS
    return plain and coding.primaries not in _PRIMARIES.keys() - {1}


def peak_of(pixels: np.ndarray, coding: Cicp) -> float:
    """Luminance in cd/m² of the brightest that counts in ``pixels`` (H×W or H×W×C, R, G, B first,
    uint8 or uint16); the same for all sizes and parts of a picture if asked of all of it."""
    if not is_hdr(coding):
        return _WHITE
    rgb = pixels[..., :3] if pixels.ndim == 3 else pixels[..., None]
    light = _linear(rgb.reshape(-1, 1, rgb.shape[-1]), coding.transfer)
    return float(_WHITE * np.quantile(light.max(axis=-1), 1 - _SPECKS))


def to_srgb(rgb: np.ndarray, coding: Cicp, peak: float) -> np.ndarray:
    """``rgb`` (H×W×3, uint8 or uint16) as sRGB, uint8. ``peak`` is the value of ``peak_of``."""
    out = np.empty(rgb.shape, np.uint8)
    matrix = _to_bt709(coding.primaries)
    for top in range(0, len(rgb), _BAND_ROWS):
        light = _linear(rgb[top : top + _BAND_ROWS], coding.transfer)
        if is_hdr(coding):
            light = _tone_mapped(light, peak)
        light = np.clip(light @ matrix.T, 0, 1)
        coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        out[top : top + _BAND_ROWS] = np.rint(255 * coded)
    return out


def _linear(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """Light on the display, H×W×C float32, 1 for a white page."""
    coded = np.linspace(0, 1, np.iinfo(rgb.dtype).max + 1, dtype=np.float32)
    if transfer == _PQ:
        return (_PQ_PEAK / _WHITE * _pq_eotf(coded))[rgb]
    if transfer == _HLG:
        scene = _hlg_inverse_oetf(coded)[rgb]
        weights = (0.2627, 0.6780, 0.0593) if rgb.shape[-1] == 3 else (1.0,)
        luminance = scene @ np.asarray(weights, np.float32)
        gain = np.float32(_HLG_PEAK / _WHITE) * luminance ** np.float32(_HLG_GAMMA - 1)
        return scene * gain[..., None]
    if transfer in _GAMMAS:
        return (coded ** np.float32(_GAMMAS[transfer]))[rgb]
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)[rgb]


def _tone_mapped(light: np.ndarray, peak: float) -> np.ndarray:
    """``light`` (1 for a white page) with ``peak`` cd/m² brought down to a white page."""
    if peak <= _WHITE:
        return light
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    top = _pq_inverse_eotf(np.asarray(peak / _PQ_PEAK, np.float32))
    white = _pq_inverse_eotf(np.asarray(_WHITE / _PQ_PEAK, np.float32)) / top
    knee = 1.5 * white - 0.5
    signal = np.minimum(_pq_inverse_eotf(brightest * np.float32(_WHITE / _PQ_PEAK)) / top, 1)
    t = np.maximum(signal - knee, 0) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * white
    )
    mapped = np.where(signal < knee, signal, spline)
    return light * (_PQ_PEAK / _WHITE * _pq_eotf(mapped * top) / brightest)


def _pq_eotf(signal: np.ndarray) -> np.ndarray:
    """Luminance for a signal, both 0…1 (BT.2100-2, table 4)."""
    power = np.asarray(signal, np.float32) ** np.float32(1 / _M2)
    return (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** np.float32(1 / _M1)


def _pq_inverse_eotf(luminance: np.ndarray) -> np.ndarray:
    power = np.asarray(luminance, np.float32) ** np.float32(_M1)
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** np.float32(_M2)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _hlg_inverse_oetf(signal: np.ndarray) -> np.ndarray:
    """Scene light for a signal, both 0…1 (BT.2100-2, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


@cache
def _to_bt709(primaries: int) -> np.ndarray:
    """3×3, from linear RGB of these primaries to that of BT.709 and sRGB."""
    there, here = (_to_xyz(_PRIMARIES.get(number, _PRIMARIES[1])) for number in (primaries, 1))
    return (np.linalg.inv(here) @ there).astype(np.float32)


def _to_xyz(colours: tuple[tuple[float, float], ...]) -> np.ndarray:
    """3×3; SMPTE RP 177."""
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in colours)
    mixed = np.column_stack([red, green, blue])
    return mixed * np.linalg.solve(mixed, white)
