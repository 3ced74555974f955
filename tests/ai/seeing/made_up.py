"""Made-up pictures of the faces that packages bring: every shape, size, light and obstacle."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture
from tests.ai import seen

_LARGEST_PX = 2_000_000


@dataclass(slots=True, eq=False)
class MadeUp:
    """A picture, and what was done to make it."""

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    kinds: list[str] = field(default_factory=list)

    @property
    def picture(self) -> Picture:
        return Picture(self.rgb, self.alpha)


def made_up(number: int) -> MadeUp:
    """The picture with ``number``: always the same one."""
    rng = np.random.default_rng([2026, number])
    made = MadeUp(_source(rng))
    for change, chance in (
        (_occluded, 0.3), (_lit, 0.3), (_tilted, 0.25), (_padded, 0.6), (_lying, 0.25),
        (_resized, 1.0), (_grained, 0.3), (_cropped, 0.15), (_holed, 0.1),
    ):  # fmt: skip
        if rng.random() < chance:
            change(made, rng)
    return made


def _source(rng: np.random.Generator) -> np.ndarray:
    whole = (seen.astronaut, seen.officer, seen.cameraman, seen.cat)[
        rng.choice(4, p=[0.45, 0.4, 0.1, 0.05])
    ]().rgb
    if rng.random() < 0.5:  # head and shoulders
        side = min(whole.shape[:2])
        whole = whole[: round(0.6 * side), : round(0.85 * side)]
    if rng.random() < 0.15:
        other = seen.officer().rgb
        other = cv2.resize(other, (whole.shape[1], whole.shape[0]), interpolation=cv2.INTER_AREA)
        whole = np.hstack([whole, other])
    return whole.copy()


def _occluded(made: MadeUp, rng: np.random.Generator) -> None:
    height, width = made.rgb.shape[:2]
    colour = rng.integers(0, 256, 3).tolist()
    kind = ("bars", "bar", "disc", "text")[rng.integers(4)]
    made.kinds.append(kind)
    if kind == "bars":
        gap = int(rng.integers(8, 40))
        for x in range(int(rng.integers(gap)), width, gap):
            lean = int(rng.integers(-1, 2)) * width // 2
            cv2.line(made.rgb, (x, 0), (x + lean, height), colour, int(rng.integers(1, 5)))
    elif kind == "bar":
        y = int(rng.integers(height))
        cv2.rectangle(made.rgb, (0, y), (width, y + height // 10), colour, -1)
    elif kind == "disc":
        centre = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(made.rgb, centre, max(1, min(height, width) // int(rng.integers(4, 12))),
                   colour, -1)  # fmt: skip
    else:
        cv2.putText(made.rgb, "SAMPLE", (0, height // 2), 0, width / 150, colour, 3)


def _lit(made: MadeUp, rng: np.random.Generator) -> None:
    gamma = float(np.exp(rng.uniform(-1.2, 1.2)))
    made.kinds.append("dark" if gamma > 1 else "bright")
    table = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    made.rgb = cv2.LUT(made.rgb, table)
    if rng.random() < 0.3:
        made.kinds.append("grey")
        made.rgb = cv2.cvtColor(cv2.cvtColor(made.rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _tilted(made: MadeUp, rng: np.random.Generator) -> None:
    made.kinds.append("tilted")
    height, width = made.rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-40, 40), 0.9)
    made.rgb = cv2.warpAffine(made.rgb, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _padded(made: MadeUp, rng: np.random.Generator) -> None:
    """Into a canvas of a ratio between 1:20 and 20:1."""
    ratio = float(np.exp(rng.uniform(-np.log(20), np.log(20))))
    made.kinds.append("sliver" if max(ratio, 1 / ratio) > 4 else "padded")
    height, width = made.rgb.shape[:2]
    across, down = max(width, round(height * ratio)), max(height, round(width / ratio))
    left, top = (int(rng.integers(spare + 1)) for spare in (across - width, down - height))
    sides = top, down - height - top, left, across - width - left
    how = (cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT)[rng.integers(3)]
    colour = rng.integers(0, 256, 3).tolist()
    made.rgb = cv2.copyMakeBorder(made.rgb, *sides, how, value=colour)


def _lying(made: MadeUp, rng: np.random.Generator) -> None:
    made.kinds.append("lying")
    made.rgb = np.ascontiguousarray(np.rot90(made.rgb, int(rng.integers(1, 4))))


def _resized(made: MadeUp, rng: np.random.Generator) -> None:
    """To a long side between 8 px and what two million pixels allow."""
    height, width = made.rgb.shape[:2]
    most = min(4000.0, float(np.sqrt(_LARGEST_PX / (height * width))) * max(height, width))
    least = min(most, 8.0 if rng.random() < 0.3 else 120.0)
    side = float(np.exp(rng.uniform(np.log(least), np.log(most))))
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    made.kinds.append("tiny" if min(size) < 64 else "large" if side > 1500 else "middling")
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    made.rgb = cv2.resize(made.rgb, size, interpolation=how)


def _grained(made: MadeUp, rng: np.random.Generator) -> None:
    made.kinds.append("grain")
    noise = rng.normal(0, rng.uniform(4, 40), made.rgb.shape)
    made.rgb = np.clip(made.rgb + noise, 0, 255).astype(np.uint8)


def _cropped(made: MadeUp, rng: np.random.Generator) -> None:
    made.kinds.append("cropped")
    height, width = made.rgb.shape[:2]
    top, left = int(rng.integers(height // 2 + 1)), int(rng.integers(width // 2 + 1))
    down, across = height - top, width - left
    made.rgb = np.ascontiguousarray(
        made.rgb[top : top + int(rng.integers(down // 2, down)) + 1,
                 left : left + int(rng.integers(across // 2, across)) + 1]
    )  # fmt: skip


def _holed(made: MadeUp, rng: np.random.Generator) -> None:
    made.kinds.append("round")
    height, width = made.rgb.shape[:2]
    made.alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(made.alpha, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 255,
                -1)  # fmt: skip
