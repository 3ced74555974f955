from __future__ import annotations

import platform
import subprocess
import sys

import pytest

if platform.libc_ver()[0] != "glibc":
    pytest.skip("only glibc can be told", allow_module_level=True)

# Of 80 MB taken and freed: pages faulted in the third time, and MB held after giving back.
_PROGRAM = """
import resource, sys
import numpy as np, psutil
from cartoon_avatar.process import heap

def work():
    return len([np.ones(2**20, np.float32) for _ in range(20)])

def held_mb():
    return psutil.Process().memory_info().rss / 2**20

before = held_mb()
if "keep" in sys.argv:
    heap.retain_freed(128 * 2**20, largest_bytes=32 * 2**20)
work(), work()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
kept = held_mb() - before
heap.trim()
print(faults, kept, held_mb() - before)
"""


def outcome(*arguments: str) -> tuple[float, float, float]:
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    faults, kept, left = map(float, done.stdout.split())
    return faults, kept, left


def test_what_a_drawing_frees_waits_for_the_next_one_and_can_be_given_back() -> None:
    faults, kept, left = outcome("keep")
    assert faults < 500
    assert 60 < kept < 130
    assert left < 20


def test_without_it_the_same_pages_are_faulted_in_each_time() -> None:
    faults, _, _ = outcome()
    assert faults > 5000
