"""What a person looks like: colours, light, hair, beard, glasses.

Everything has a confidence, and what is not read is None: engines draw nothing from a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Lab = tuple[float, float, float]


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Read(Generic[Value]):
    """A value and how sure it is, 0..1."""

    value: Value
    confidence: float


@dataclass(frozen=True, slots=True)
class Light:
    """How a face is lit. ``towards`` points to the light, right and down in the face.

    ``contrast`` is the difference in L between the lit and the other side of the face, ``dim``
    0 in good light and 1 in the dark, ``tint`` CIELAB a, b of what is white under it.
    """

    towards: tuple[float, float]
    contrast: float
    dim: float
    tint: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """Of the head, degrees: ``yaw`` is positive where it looks right in the picture, ``pitch``
    where it looks up, ``roll`` where it leans clockwise. Yaw and pitch are rough."""

    yaw: float
    pitch: float
    roll: float


HairStyle = Literal["bald", "short", "chin", "long", "up", "covered"]


FacialHair = Literal["none", "stubble", "moustache", "beard"]


Glasses = Literal["none", "clear", "dark"]


Covering = Literal["none", "hat", "scarf"]


Age = Literal["adult", "older"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as read from a scene; colours are CIELAB, L 0..100.

    ``skin`` is as the photo shows it, ``even_skin`` as it is in even light. Under what covers
    eyes or mouth no features are to be drawn. Teeth, mouth and eyes are of what is not covered.
    """

    confirmed: bool
    pose: Read[Pose] | None
    monochrome: bool
    skin: Read[Lab] | None
    even_skin: Read[Lab] | None
    light: Read[Light] | None
    hair: Read[HairStyle] | None
    hair_colour: Read[Lab] | None
    facial_hair: Read[FacialHair] | None
    glasses: Read[Glasses] | None
    frame_colour: Read[Lab] | None
    covering: Read[Covering] | None
    eyes_covered: Read[tuple[bool, bool]] | None
    mouth_covered: Read[bool] | None
    eyes_open: Read[tuple[bool, bool]] | None
    iris_colour: Read[Lab] | None
    brow_colour: Read[Lab] | None
    mouth_open: Read[float] | None
    teeth: Read[bool] | None
    smile: Read[float] | None
    age: Read[Age] | None

    @property
    def shows_eyes(self) -> tuple[bool, bool]:
        left, right = self.eyes_covered.value if self.eyes_covered else (False, False)
        return self.confirmed and not left, self.confirmed and not right

    @property
    def shows_mouth(self) -> bool:
        return self.confirmed and not (self.mouth_covered and self.mouth_covered.value)
