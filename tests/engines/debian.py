"""Programs of Debian that tests need."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def program(name: str, *packages: str) -> str:
    """Its path; installed if it can be. Without it tests are skipped, in CI failed."""
    # Where servers are for root is not on everybody's PATH.
    search = f"{os.environ['PATH']}:/usr/sbin"
    # apt-get does not wait for the one of another process that runs tests.
    with (Path(tempfile.gettempdir()) / "cartoon-avatar-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = shutil.which(name, path=search)
        if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
            _install(packages)
            path = shutil.which(name, path=search)
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"These tests need {name}: apt-get install {' '.join(packages)}")
    return path


def _install(packages: tuple[str, ...]) -> None:
    # Installing would start a server for the machine; a policy of 101 forbids that.
    policy = Path("/usr/sbin/policy-rc.d")
    forbidden = not policy.exists()
    if forbidden:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(install, check=False)
    finally:
        if forbidden:
            policy.unlink()
