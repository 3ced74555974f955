from __future__ import annotations

import os
import subprocess
import sys


def test_what_workers_are_forked_from_has_one_thread() -> None:
    # OpenCV's would be waited for by each worker, for ever; OpenBLAS knows of forks.
    program = (
        "import os, sys, cartoon_avatar.ai.pools.template;"
        "sys.exit(os.path.isdir('/proc/self/task') and len(os.listdir('/proc/self/task')) - 1)"
    )
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    assert subprocess.run([sys.executable, "-c", program], check=False, env=env).returncode == 0
