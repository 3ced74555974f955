"""What commands that make pictures say: how far they are, what they wrote, what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartoon_avatar.cli.options import echo_json

# The imports of a command wait until it runs: `--help` should not load OpenCV.
if TYPE_CHECKING:
    from tqdm import tqdm

    from cartoon_avatar.ai.files import Made


def message_of(error: OSError, file: Path) -> str:
    if isinstance(error, FileExistsError):  # of mkdir
        return f"{error.filename} is a file, not a folder"
    return f"{error.filename or file}: {error.strerror or error}"


class Written:
    """What a command has written and what went wrong, printed as lines or as JSON at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.files: list[dict[str, object]] = []
        self.failed: list[dict[str, str]] = []

    def picture(
        self, progress: tqdm[Any], place: Path, made: Made, *made_of: Path, **how: object
    ) -> None:
        """Write what was made and record it."""
        from cartoon_avatar.ai.files import write_picture

        picture, xmp = made
        write_picture(place, picture, xmp)
        self.file(progress, place, *made_of, **how, width=picture.width, height=picture.height)

    def file(self, progress: tqdm[Any], place: Path, *made_of: Path, **how: object) -> None:
        self.files.append({"file": str(place), "of": [str(file) for file in made_of], **how})
        if not self.as_json:
            progress.write(str(place), file=sys.stdout)

    def show(self) -> None:
        if self.as_json:
            echo_json({"written": self.files, "failed": self.failed})


@contextmanager
def each(
    files: list[Path], what: str, steps: int = 1, written: Written | None = None
) -> Generator[tuple[tqdm[Any], Callable[[Path], AbstractContextManager[None]]]]:
    """A progress bar, and ``reported``: says what is wrong with a file and lets the rest go on.

    Ends the command with 1 where anything was wrong.
    """
    from tqdm import tqdm

    from cartoon_avatar.ai.engines.onnx import NetworkUnusable
    from cartoon_avatar.ai.files import NotWritten
    from cartoon_avatar.contract.errors import AvatarError

    total = len(files) * steps
    wrong = []
    with tqdm(
        total=total, desc=what, unit="picture", disable=None if total > 1 else True
    ) as progress:

        @contextmanager
        def reported(file: Path) -> Generator[None]:
            try:
                yield
                return
            except (NotWritten, NetworkUnusable) as error:
                reason = str(error)
            except AvatarError as error:
                reason = f"{file}: {error.detail}"
            except OSError as error:
                reason = message_of(error, file)
            wrong.append(file)
            if written is not None:
                written.failed.append({"file": str(file), "reason": reason})
            progress.write(f"Error: {reason}", file=sys.stderr)
            # The progress bar counts a failure as done.
            progress.update(steps - progress.n % steps)

        yield progress, reported
    if written is not None:
        written.show()
    if len(wrong) > 1:
        click.echo(f"{len(wrong)} of {len(files)} went wrong.", err=True)
    if wrong:
        raise SystemExit(1)
