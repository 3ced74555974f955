"""What holds for every file that is sent: ``--pictures`` made-up ones from ``--first``."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import httpx
import numpy as np
import pytest
from PIL import Image

from cartoon_avatar.ai.jobs import cut_head
from cartoon_avatar.ai.jobs.drawings import CartoonOptions, Drawn, draw
from cartoon_avatar.ai.jobs.heads import DrawnAs, HeadOptions
from cartoon_avatar.ai.jobs.tools import Tools, open_tools
from cartoon_avatar.ai.pictures import to_jpeg, to_webp
from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import Box, faces_in
from cartoon_avatar.contract.options import Framing
from tests.ai.pictures.made_up_files import File, file_of
from tests.ai.seeing.made_up import made_up
from tests.ai.seeing.test_property import uncovered
from tests.engines.ai_service import running_ai_service
from tests.faults import conftest as processes
from tests.faults.conftest import StartBackend
from tests.patience import PATIENCE_S

forks, start_backend = processes.forks, processes.start_backend

_MAX_PIXELS = AiSettings.model_fields["max_pixels"].default
# How far the thumbnail's colours may be from the photo's, of 255, in the mean of a 64th of it:
# palettes of sixteen colours and as many levels of grey are that coarse.
_OFF = 16


@pytest.fixture(scope="module")
def ai_url() -> Iterator[str]:
    """A real AI service, of which the backend is one client and we are another."""
    # A machine that is busy with other tests may take minutes for the largest.
    with running_ai_service(models_folder(None), AI_TASK_TIMEOUT_S="300") as (_, url, _):
        yield url


@cache
def tools() -> Tools:
    """What a worker of the service has, in this process."""
    opened, missing = open_tools(None, AiSettings(workers=1).threads, _MAX_PIXELS)
    assert not missing
    return opened


@dataclass(frozen=True, slots=True)
class Asked:
    style: str
    seed: int
    size: int
    framing: Framing

    @property
    def fields(self) -> dict[str, str]:
        return {
            "style": self.style,
            "seed": str(self.seed),
            "size": str(self.size),
            "framing": self.framing,
        }


def asked_of(number: int, styles: list[str]) -> Asked:
    rng = np.random.default_rng([2028, number])
    return Asked(
        style=styles[rng.integers(len(styles))],
        seed=int(rng.integers(2**31)),
        size=int(rng.choice([128, 256, 384, 512, 1024], p=[0.1, 0.35, 0.3, 0.2, 0.05])),
        framing="portrait" if rng.random() < 0.6 else "full",
    )


def cells(length: int) -> list[np.ndarray]:
    """At most eight parts of a side, none of so few pixels that compression changes their mean."""
    return np.array_split(np.arange(length), max(1, min(8, length // 8)))


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


class Trial:
    """One made-up file on its way; ``faults`` is what does not hold of it."""

    def __init__(self, ai: httpx.Client, number: int, styles: list[str]) -> None:
        self.ai = ai
        self.number = number
        self.made = made_up(number)
        self.file: File = file_of(self.made, number)
        self.asked = asked_of(number, styles)
        self.faults: list[str] = []
        self.outcome = ""

    def run(self) -> None:
        response = self.drawn()
        if response.status_code == 422 and response.json()["code"] == "no_face":
            # Of people only: what another style says of the same photo has to agree.
            self.asked = Asked("painted", self.asked.seed, self.asked.size, self.asked.framing)
            response = self.drawn()
            if response.headers.get(headers.FACE_COUNT) != "0":
                self.faults.append("a face, and a style that denies it")
        if response.status_code != 200:
            self.faults.append(f"drawing: {response.status_code} {response.text[:200]}")
            return
        small = int(response.headers[headers.THUMBNAIL_BYTES])
        drawing = response.content[:-small]
        self.require_size(response)
        self.require_photo(response.content[-small:])
        self.faults += self.elsewhere(drawing, response)
        if self.number % 4 == 0:
            again = self.drawn()
            if again.content != response.content:
                self.faults.append(f"drawn again, another drawing: {again.status_code}")
        self.cut(drawing, response)

    def drawn(self) -> httpx.Response:
        fields = {**self.asked.fields, "thumbnail": "1"}
        return self.ai.post(paths.GENERATE_CARTOON, files={"image": self.file.data}, data=fields)

    def require_size(self, response: httpx.Response) -> None:
        size = (
            int(response.headers[headers.PHOTO_HEIGHT]),
            int(response.headers[headers.PHOTO_WIDTH]),
        )
        if size != self.file.meant.shape[:2]:
            self.faults.append(f"another size: {size}")

    def require_photo(self, thumbnail: bytes) -> None:
        """The service sees what the file is meant to show, the right way up."""
        image = Image.open(io.BytesIO(thumbnail))
        meant = Image.fromarray(self.file.meant).resize(image.size, Image.Resampling.BOX)
        seen, meant = (np.asarray(one.convert("RGB"), np.float32) for one in (image, meant))
        shown = np.ones(seen.shape[:2], bool)
        if self.file.alpha is not None:
            alpha = Image.fromarray(self.file.alpha).resize(image.size, Image.Resampling.BOX)
            shown = np.asarray(alpha) == 255
            if (shown.mean() < 1) != (image.mode == "RGBA"):
                self.faults.append("transparency lost or found")
        for rows in cells(shown.shape[0]):
            for across in cells(shown.shape[1]):
                here = np.ix_(rows, across)
                if not shown[here].all():
                    continue
                off = np.abs(seen[here].mean(axis=(0, 1)) - meant[here].mean(axis=(0, 1))).max()
                if off > _OFF:
                    self.faults.append(f"another photo, by {off:.0f}")
                    return

    def elsewhere(self, drawing: bytes, response: httpx.Response) -> list[str]:
        """What this process makes of the same file, and whether people are people there."""
        asked = self.asked
        how = CartoonOptions(asked.style, asked.seed, asked.size, asked.framing)
        local: Drawn = draw(tools(), self.file.data, how)
        picture = local.drawing.picture
        encoded = (to_jpeg if picture.alpha is None else to_webp)(picture)
        faults = uncovered(local.scene)
        if response.headers[headers.FACE_COUNT] != str(len(local.scene.faces)):
            faults.append("another process finds other faces")
        if not np.array_equal(pixels_of(encoded), pixels_of(drawing)):  # but for its mark
            faults.append("another process draws another drawing")
        return faults

    def cut(self, drawing: bytes, response: httpx.Response) -> None:
        count, crop = int(response.headers[headers.FACE_COUNT]), response.headers[headers.CROP_BOX]
        self.outcome = f"{min(count, 3)} faces" if count < 3 else "3 faces or more"
        # As the backend sends it.
        fields = {**self.asked.fields, "crop": crop, "face": "0", "format": "png"}
        del fields["size"]
        files = {"image": drawing, "original": self.file.data}

        def asked() -> httpx.Response:
            return self.ai.post(paths.PROCESS_FACE_CUT, files=files, data=fields)

        head = asked()
        if not count:
            if head.status_code != 422 or head.json()["code"] != "no_face":
                self.faults.append(f"no face, and a head: {head.status_code}")
            return
        if head.status_code != 200:
            self.faults.append(f"a face, and no head: {head.status_code} {head.text[:200]}")
            return
        self.require_face_in_head(head, response, Box.parse(crop))
        if self.number % 4 == 1 and asked().content != head.content:
            self.faults.append("cut again, another head")
        if self.number % 2:
            drawn_as = DrawnAs(self.asked.style, self.asked.seed, self.asked.framing)
            how = HeadOptions(crop=Box.parse(crop), drawn_as=drawn_as)
            again = cut_head(tools(), drawing, self.file.data, how)
            if again.data != head.content:
                self.faults.append("another process cuts another head")

    def require_face_in_head(
        self, head: httpx.Response, response: httpx.Response, crop: Box
    ) -> None:
        """The head lies where its face is, and shows it."""
        face = faces_in(response.headers[headers.FACES])[0].box
        scale = int(response.headers[headers.IMAGE_WIDTH]) / crop.width
        x = (face.left + face.width / 2 - crop.left) * scale
        y = (face.top + face.height / 2 - crop.top) * scale
        left, top, wide, high = map(int, head.headers[headers.CROP_BOX].split(","))
        if not (left <= x <= left + wide and top <= y <= top + high):
            self.faults.append("a head that is not where its face is")
            return
        if min(wide, high) < 0.6 * max(face.width, face.height) * scale:
            self.faults.append("a head smaller than its face")
        alpha = np.asarray(Image.open(io.BytesIO(head.content)).convert("RGBA"))[..., 3]
        if self.file.alpha is None or self.file.alpha.all():
            if alpha.mean() < 0.05 * 255:
                self.faults.append(f"hardly anything of a head: {alpha.mean() / 255:.2f}")
            rim = alpha.shape[0] // 4
            within = slice(rim, alpha.shape[0] - rim)
            if alpha[within, within].max() < 250:
                self.faults.append("a head that is nowhere opaque")

    def through_the_backend(self, phone: httpx.Client) -> None:
        """Uploaded, it is drawn the same; downloaded, there is a head if there is a face."""
        response = phone.post(
            "/api/upload", files={"image": self.file.data}, data=self.asked.fields
        )
        if response.status_code != 201:
            self.faults.append(f"upload: {response.status_code} {response.text[:200]}")
            return
        told = response.json()
        here = self.drawn()
        small = int(here.headers[headers.THUMBNAIL_BYTES])
        if phone.get(told["cartoon"]["imageUrl"]).content != here.content[:-small]:
            self.faults.append("through the backend, another drawing")
        if str(told["original"]["faceCount"]) != here.headers[headers.FACE_COUNT]:
            self.faults.append("through the backend, another number of faces")
        head = phone.post(f"/api/download/{told['cartoon']['id']}")
        expected = 201 if told["original"]["faceCount"] else 422
        if head.status_code != expected:
            self.faults.append(f"download: {head.status_code} {head.text[:200]}")


def test_every_file_is_drawn_and_cut_alike(
    ai_url: str, start_backend: StartBackend, numbers: range
) -> None:
    backend = start_backend()
    kinds: Counter[str] = Counter()
    wrong: dict[int, list[str]] = {}
    with httpx.Client(base_url=ai_url, timeout=PATIENCE_S) as ai:
        styles = [style["name"] for style in ai.get(paths.STYLES).json()["items"]]
        for number in numbers:
            trial = Trial(ai, number, styles)
            trial.run()
            if number % 8 == 5:
                trial.through_the_backend(backend.client(f"phone-{number}"))
            shape = trial.file.meant.shape
            size = "over 4 megapixels" if shape[0] * shape[1] > 4e6 else "small enough"
            of_it = [trial.file.kind, trial.asked.style, trial.asked.framing, trial.outcome, size]
            kinds.update([*(trial.made.kinds or ["plain"]), *of_it])
            if trial.faults:
                wrong[number] = [*trial.faults, *trial.made.kinds, *of_it, str(shape)]
                print(number, wrong[number], flush=True)
    print(dict(kinds.most_common()))  # seen with -s, and when it fails
    assert not wrong
