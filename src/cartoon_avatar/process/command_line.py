"""How a command of ours is typed where this process was started, for advice that can be copied."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def command_line(words: str) -> str:
    """`cartoon-avatar WORDS`, as it runs here."""
    run = _run_script()
    if run is not None:
        return f"{run} cartoon-avatar {words}"
    ours = Path(sys.executable).with_name("cartoon-avatar")
    on_path = shutil.which("cartoon-avatar")
    if on_path and Path(on_path).resolve() == ours.resolve():
        return f"cartoon-avatar {words}"
    if ours.exists():
        return f"{shlex.quote(str(ours))} {words}"
    return f"{shlex.quote(sys.executable)} -m cartoon_avatar.cli {words}"


def extra(name: str) -> str:
    """The command that installs an optional part of the package."""
    run = _run_script()
    return f"{run} extra {name}" if run else f"pip install 'cartoon-avatar[{name}]'"


def _run_script() -> str | None:
    # Set by the script itself, as it was called: `./run` in a clone.
    run = os.environ.get("CARTOON_AVATAR_RUN")
    return shlex.quote(run) if run else None
