"""The parts of a hat that the networks do not see."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.head.view import View

# Colours are weighed on so many pixels: GrabCut's time grows with them.
_MOST_PIXELS = 40_000
# With so much of their colours in common, hat and background cannot be separated by colour.
_ALIKE = 0.4


def with_whole_hat(view: View, head: np.ndarray, free: np.ndarray) -> np.ndarray:
    """``head`` with all of its hat, where ``free`` (P×P float32) allows for it."""
    ruler, down = view.ruler, view.down
    off_axis = view.across - np.float32(ruler.middle)
    aside = np.abs(view.sideways)
    zone = (down < -0.6) & (aside < 2.0) & (free > 0.5)
    opposite = None
    if abs(ruler.turn) < 0.5:
        y, x = np.mgrid[: head.shape[0], : head.shape[1]]
        opposite = tuple(
            (at - 2 * view.unit_px * direction * off_axis).astype(np.float32)
            for at, direction in zip((x, y), ruler.right, strict=True)
        )
    # In a head that leans, columns do not run from brim to top.
    crown = zone & (down < -0.75) & (aside < 0.6 if abs(ruler.roll) < 0.35 else False)
    return whole_hat(view.rgb, head, zone, crown, view.unit_px, opposite)


def whole_hat(
    rgb: np.ndarray,
    head: np.ndarray,
    zone: np.ndarray,
    crown: np.ndarray,
    unit_px: float,
    opposite: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """``head`` (H×W float32 0..1) with all of its hat: over tall and wide ones it fades out.

    What joins the sure part within ``zone`` (H×W bool), and has its colours rather than the
    background's, is hat too (GrabCut; Rother, Kolmogorov & Blake 2004). ``rgb`` is H×W×3
    uint8, ``crown`` (H×W bool) where nothing but head and hat can be, one above the other,
    ``unit_px`` the height of the face. ``opposite`` says where the pixel on the other
    side of the face lies (x and y, H×W float32): a hat has two sides, a flag behind it one.
    """
    rows, columns = np.nonzero(zone.any(axis=1))[0], np.nonzero(zone.any(axis=0))[0]
    if rows.size == 0:
        return head
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    found = _by_colour(rgb[part], head[part], zone[part])
    if found is None:
        # Half a hat would be worse than none.
        return _without_gaps(np.where(zone, np.clip((head - 0.2) / 0.6, 0, 1), head), crown)

    hat = np.zeros(head.shape, np.uint8)
    hat[part] = found
    solid = (head > 0.5).astype(np.uint8)
    more = cv2.morphologyEx(hat & ~solid, cv2.MORPH_OPEN, disc(0.04 * unit_px))
    # pyrefly: ignore[unsupported-operation] (OpenCV's stubs forget that masks are whole numbers)
    more = more & cv2.dilate((head > 0.1).astype(np.uint8), disc(0.15 * unit_px))
    # The networks have to have at least a suspicion of it.
    _, pieces = cv2.connectedComponents(more, connectivity=4)
    suspicion = np.bincount(pieces.ravel(), head.ravel()) / np.bincount(pieces.ravel())
    more &= (suspicion > 0.1)[pieces]
    if opposite is not None:
        wide = cv2.dilate(more | solid, disc(0.12 * unit_px))
        more &= cv2.remap(wide, *opposite, cv2.INTER_NEAREST)
    doubted = (zone & (head < 0.85) & (hat == 0)).astype(np.uint8)
    whole = (solid & ~doubted) | more
    _, pieces = cv2.connectedComponents(whole, connectivity=4)
    own = np.unique(pieces[(head > 0.85) & zone])
    whole &= np.isin(pieces, own[own > 0])
    smooth = disc(0.03 * unit_px)
    whole = cv2.morphologyEx(
        cv2.morphologyEx(whole, cv2.MORPH_CLOSE, smooth), cv2.MORPH_OPEN, smooth
    )
    whole = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1)
    # Where the networks are sure, their edge is the finer one.
    unsure = zone & ((doubted | more) > 0) | (zone & (head < 0.85) & (hat > 0))
    unsure = cv2.GaussianBlur(unsure.astype(np.float32), (0, 0), 1)
    return head + unsure * (whole - head)


def _without_gaps(head: np.ndarray, crown: np.ndarray) -> np.ndarray:
    """``head`` (H×W float32 0..1) with what lies between its parts in a column of ``crown``.

    Of a hat that looks like what is behind it, the networks see brim and top, nothing between.
    """
    inside = np.where(crown, head, 0)
    above = np.maximum.accumulate(inside, axis=0)
    below = np.maximum.accumulate(inside[::-1], axis=0)[::-1]
    return np.where(crown, np.minimum(above, below), head)


def _by_colour(rgb: np.ndarray, head: np.ndarray, zone: np.ndarray) -> np.ndarray | None:
    """H×W uint8, 1 where there is hat; None where colours do not separate it."""
    shrink = min(1.0, (_MOST_PIXELS / head.size) ** 0.5)
    size = (max(1, round(head.shape[1] * shrink)), max(1, round(head.shape[0] * shrink)))
    head_, zone_, colours = (
        cv2.resize(array, size, interpolation=cv2.INTER_AREA)
        for array in (head, zone.astype(np.float32), _brightened(rgb))
    )
    asked = zone_ > 0.5
    near = cv2.dilate((head_ > 0.3).astype(np.uint8), disc(0.02 * max(size))) > 0
    sure, behind = asked & (head_ > 0.85), asked & (head_ < 0.05) & ~near
    if min(sure.sum(), behind.sum()) < 50:
        return None
    likely, alike = _likelier(colours, sure, behind)
    if alike > _ALIKE:
        return None

    labels = np.full(asked.shape, cv2.GC_BGD, np.uint8)
    labels[asked] = np.where(likely | (head_ > 0.5), cv2.GC_PR_FGD, cv2.GC_PR_BGD)[asked]
    labels[sure] = cv2.GC_FGD
    # What is not asked, the face and clothes, may have the hat's colours: it must not count.
    random = np.random.default_rng(0).integers(behind.sum(), size=int((~asked).sum()))
    colours[~asked] = colours[behind][random]
    # GrabCut's clustering draws from OpenCV's generator: the same picture, the same cut.
    cv2.setRNGSeed(0)
    mixtures = np.zeros((1, 65)), np.zeros((1, 65))
    # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of a rectangle that is None)
    cv2.grabCut(colours, labels, None, *mixtures, 2, cv2.GC_INIT_WITH_MASK)
    found = ((labels == cv2.GC_PR_FGD) | (labels == cv2.GC_FGD)).astype(np.float32)
    return (cv2.resize(found, head.shape[::-1]) > 0.5).astype(np.uint8)


def _brightened(rgb: np.ndarray) -> np.ndarray:
    """H×W×3 uint8 with its darks far apart: there a black hat differs from a black wall."""
    table = 255 * (np.arange(256) / 255) ** 0.5
    return cv2.LUT(rgb, np.rint(table).astype(np.uint8))


def _likelier(rgb: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, float]:
    """Which colours are more frequent ``inside`` than ``outside`` (H×W bool), and how far
    both have the same, 0..1."""
    bins = (cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB) // 8).astype(np.int32)
    index = (bins[..., 0] * 32 + bins[..., 1]) * 32 + bins[..., 2]

    def share(where: np.ndarray) -> np.ndarray:
        counts = np.bincount(index[where], minlength=32**3).astype(np.float32).reshape(32, 32, 32)
        for axis in range(3):
            counts = counts + 0.5 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
        return counts.ravel() / counts.sum()

    within, without = share(inside), share(outside)
    likely = within[index] > without[index] + 1e-6
    return likely, float(np.minimum(within, without).sum())
