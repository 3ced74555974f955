"""How good and how dear is the head cut?

    uv run python benchmarks/head_cut.py TRUTH_FOLDER

The folder holds NAME.jpg, NAME.head.png (the true alpha, 0..255) and optionally
NAME.ignore.png (where it is not judged: loose hair, ear-rings). Prints one table and
writes a sheet, each head on green and on blue, to benchmarks/out/head_cut.png.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

from cartoon_avatar.ai.head_cut import Head, cut
from cartoon_avatar.ai.models import Models, open_models
from cartoon_avatar.ai.pictures import Picture

# The outlines of the truth were drawn by hand, ±4 px at 1000 px: nearer than that is a hit.
TOLERANCE_PX = 4
# Half the width of the band around the true outline in which alpha is compared.
BAND_PX = 8
GREEN, BLUE = (76, 201, 80), (40, 90, 230)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    cv2.setNumThreads(arguments.threads)
    models = open_models(threads=arguments.threads)
    cases = [read_case(path) for path in sorted(arguments.truth.glob("*.head.png"))]
    warm = cases[0][1]
    cut(warm, models, warm, size=512)

    print(f"{'picture':16} {'IoU':>6} {'boundary F':>10} {'band MAE':>8} path")
    rows, tiles = [], []
    for name, photo, truth, judged in cases:
        head = cut(photo, models, photo, size=1024)
        row = compared(alpha_in_place(head, photo), truth, judged)
        rows.append(row)
        tiles.append(np.vstack([on_colour(head, GREEN), on_colour(head, BLUE)]))
        print(f"{name:16} {row[0]:6.3f} {row[1]:10.3f} {row[2]:8.3f} {head.path}")
    ious, boundaries, errors = np.array(rows).T
    for title, iou, boundary, error in (
        ("mean", ious.mean(), boundaries.mean(), errors.mean()),
        ("worst", ious.min(), boundaries.min(), errors.max()),
    ):
        print(f"{title:16} {iou:6.3f} {boundary:10.3f} {error:8.3f}")

    for size in (512, 768):
        best_s, peak_mb = cost(models, [photo for _, photo, _, _ in cases], size)
        print(
            f"{size} px: {best_s:.2f} s a head (median of best), peak {peak_mb:.0f} MB above idle"
        )

    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    cv2.imwrite(str(out / "head_cut.png"), np.hstack(tiles)[..., ::-1])


def read_case(head: Path) -> tuple[str, Picture, np.ndarray, np.ndarray]:
    """Name, photo, true alpha (H×W float, 0..1) and where it is judged (H×W bool)."""
    name = head.name.removesuffix(".head.png")
    photo = cv2.cvtColor(cv2.imread(str(head.with_name(f"{name}.jpg"))), cv2.COLOR_BGR2RGB)
    truth = cv2.imread(str(head), cv2.IMREAD_GRAYSCALE) / 255
    ignored = head.with_name(f"{name}.ignore.png")
    judged = np.ones(truth.shape, bool)
    if ignored.exists():
        judged = cv2.imread(str(ignored), cv2.IMREAD_GRAYSCALE) < 128
    return name, Picture(photo), truth, judged


def alpha_in_place(head: Head, photo: Picture) -> np.ndarray:
    """The cut's alpha where it lies in the photo, H×W float, 0..1."""
    left, top, side, _ = head.box
    how = cv2.INTER_AREA if side < head.picture.width else cv2.INTER_LINEAR
    alpha = cv2.resize(head.picture.alpha, (side, side), interpolation=how) / 255
    placed = np.zeros((photo.height, photo.width))
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, photo.width), min(top + side, photo.height)
    placed[y0:y1, x0:x1] = alpha[y0 - top : y1 - top, x0 - left : x1 - left]
    return placed


def compared(
    alpha: np.ndarray, truth: np.ndarray, judged: np.ndarray
) -> tuple[float, float, float]:
    """IoU, boundary F and mean alpha error in the edge band."""
    found, true = alpha > 0.5, truth > 0.5
    iou = (found & true & judged).sum() / ((found | true) & judged).sum()

    to_found, to_true = _distance_to_outline(found), _distance_to_outline(true)
    precision = (to_true[(to_found < 1) & judged] <= TOLERANCE_PX).mean()
    recall = (to_found[(to_true < 1) & judged] <= TOLERANCE_PX).mean()
    boundary = 2 * precision * recall / (precision + recall)

    band = (to_true <= BAND_PX) & judged
    return float(iou), float(boundary), float(np.abs(alpha - truth)[band].mean())


def _distance_to_outline(mask: np.ndarray) -> np.ndarray:
    solid = mask.astype(np.uint8)
    outline = solid - cv2.erode(solid, np.ones((3, 3), np.uint8))
    return cv2.distanceTransform(1 - outline, cv2.DIST_L2, 5)


def on_colour(head: Head, colour: tuple[int, int, int], size: int = 256) -> np.ndarray:
    alpha = head.picture.alpha[..., None] / 255
    laid = head.picture.rgb * alpha + np.array(colour) * (1 - alpha)
    return cv2.resize(laid.astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA)


def cost(models: Models, photos: list[Picture], size: int) -> tuple[float, float]:
    """Median over the photos of the best of three times, s, and memory above idle, MB."""
    process = psutil.Process()
    idle = process.memory_info().rss
    peak, done = idle, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    times = []
    for photo in photos:
        tries = []
        for _ in range(3):
            start = time.perf_counter()
            cut(photo, models, photo, size=size)
            tries.append(time.perf_counter() - start)
        times.append(min(tries))
    done.set()
    watcher.join()
    return float(np.median(times)), (peak - idle) / 1e6


if __name__ == "__main__":
    main()
