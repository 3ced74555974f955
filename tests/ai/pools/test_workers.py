from __future__ import annotations

import asyncio
import hashlib
import multiprocessing.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.errors import AiBusy, AiStarting, GenerationFailed, UnknownStyle
from cartoon_avatar.ai.pools.workers import Workers, open_workers
from cartoon_avatar.contract.errors import PictureUnusable
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


def step(tools: str, steps: int, *, report: Report) -> int:
    """Negative: it never ends by itself."""
    done = 0
    while done != steps:
        done += 1
        report(f"step {done}", None if steps < 0 else done / steps)
        time.sleep(0.001)
    return os.getpid()


def prepare() -> tuple[str, tuple[str, ...]]:
    return "tools", ("a-missing-file",)


def refuse_to_start(tried: Path) -> tuple[str, tuple[str, ...]]:
    with tried.open("a") as file:
        file.write("once\n")
    raise RuntimeError("no tools")


def tell(tools: str, word: str, **_: object) -> tuple[str, str, int]:
    return tools, word, os.getpid()


def hold(tools: str, until: Path, *, report: Report) -> int:
    """Lasts until ``until`` is there, and hears of nothing meanwhile."""
    report("begun", None)
    while not until.exists():
        time.sleep(0.01)
    return os.getpid()


def touch(tools: str, file: Path, **_: object) -> None:
    file.touch()


def refuse(tools: str, **_: object) -> None:
    raise UnknownStyle(["comic", "pop"])


def stumble(tools: str, **_: object) -> None:
    raise ZeroDivisionError


def run_out(tools: str, **_: object) -> None:
    raise MemoryError


def crash(tools: str, how: signal.Signals, **_: object) -> None:
    os.kill(os.getpid(), how)


def leave(tools: str, **_: object) -> None:
    os._exit(3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[Workers]:
    async with open_workers(
        prepare, size=1, queue=1, timeout_s=PATIENCE_S, log_level="critical"
    ) as workers:
        with pytest.raises(AiStarting), workers.place():
            pass
        await is_ready(workers)
        yield workers


async def is_ready(workers: Workers) -> None:
    await until(lambda: len(workers.ready) == workers.size)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def held(workers: Workers, file: Path) -> AsyncIterator[asyncio.Task[int]]:
    """The worker is at work in here; its job ends with the block."""
    begun = asyncio.Event()
    job = workers.run(hold, file, report=lambda *_: begun.set(), deadline_s=PATIENCE_S)
    running = asyncio.create_task(job)
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    try:
        yield running
    finally:
        file.touch()  # noqa: ASYNC240
        await asyncio.wait([running])


async def test_a_job_gets_the_tools_that_its_worker_prepared(workers: Workers) -> None:
    tools, word, pid = await workers.run(tell, "hello")
    assert (tools, word) == ("tools", "hello")
    assert pid != os.getpid()
    assert [worker.greeting for worker in workers.ready] == [("a-missing-file",)]


async def test_megabytes_go_there_and_back(workers: Workers) -> None:
    _, echo, _ = await workers.run(tell, "x" * 12_000_000)
    assert len(echo) == 12_000_000


async def test_a_job_reports_while_it_is_done(workers: Workers) -> None:
    told: list[tuple[str, float | None]] = []
    await workers.run(step, 2, report=lambda *report: told.append(report))
    assert told == [("step 1", 0.5), ("step 2", 1.0)]
    await workers.run(step, 2)  # and nobody need hear of it


async def test_a_cancelled_job_ends_where_it_next_reports_and_its_worker_goes_on(
    workers: Workers,
) -> None:
    *_, before = await workers.run(tell, "")
    count = workers.cancelled
    begun = asyncio.Event()
    heard = asyncio.create_task(workers.run(step, -1, report=lambda *_: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    await gone(heard)
    unheard = asyncio.create_task(workers.run(step, -1))
    await asyncio.sleep(0)  # given to the worker, which may not have begun
    await gone(unheard)
    assert workers.cancelled == count + 2
    *_, after = await workers.run(tell, "")
    assert before == after


async def gone(task: asyncio.Task[int]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)


async def test_a_job_cancelled_too_late_leaves_the_next_one_alone(workers: Workers) -> None:
    for _ in range(20):
        late = asyncio.create_task(workers.run(tell, "late"))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.wait([late])
        assert (await workers.run(step, 3)) > 0


def measure(tools: str, *files: bytes, **_: object) -> list[tuple[int, str]]:
    return [(len(file), hashlib.sha256(file).hexdigest()) for file in files]


def in_pieces(file: bytes, size_bytes: int = 400_000) -> list[memoryview]:
    starts = range(0, len(file), size_bytes)
    return [memoryview(file)[start : start + size_bytes] for start in starts]


async def test_files_go_there_whole(workers: Workers) -> None:
    files = [os.urandom(size) for size in (10_000_000, 1, 0, 300_000)]
    assert await workers.run(measure, *map(in_pieces, files)) == measure("", *files)


@pytest.mark.parametrize("size_bytes", [1, 8_000_000])
async def test_a_stopped_worker_is_given_up_and_replaced(workers: Workers, size_bytes: int) -> None:
    *_, stopped = await workers.run(tell, "")
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(GenerationFailed):
        await workers.run(measure, in_pieces(bytes(size_bytes)), deadline_s=1)
    assert not psutil.pid_exists(stopped)
    *_, after = await asyncio.wait_for(patient(workers), PATIENCE_S)
    assert after != stopped


async def test_an_expected_error_comes_back_as_it_was_raised(workers: Workers) -> None:
    with pytest.raises(UnknownStyle, match="comic, pop") as caught:
        await workers.run(refuse)
    assert (caught.value.status, caught.value.code) == (400, "unknown_style")


async def test_an_unexpected_error_costs_the_request_and_not_the_worker(
    workers: Workers,
) -> None:
    *_, before = await workers.run(tell, "")
    for job, error in ((stumble, PictureUnusable), (run_out, GenerationFailed)):
        with pytest.raises(error):
            await workers.run(job)
    *_, after = await workers.run(tell, "")
    assert before == after


@pytest.mark.parametrize(
    ("job", "args"),
    [(crash, (signal.SIGSEGV,)), (crash, (signal.SIGKILL,)), (leave, ())],
    ids=["segfault", "killed", "left"],
)
async def test_a_crash_costs_one_request_and_the_worker_comes_back(
    workers: Workers, job, args
) -> None:
    with pytest.raises(GenerationFailed):
        await workers.run(job, *args)
    # Nothing in between: the next request waits until the new worker is there.
    tools, *_ = await asyncio.wait_for(patient(workers), PATIENCE_S)
    assert tools == "tools"


async def patient(workers: Workers) -> tuple[str, str, int]:
    while True:
        try:
            return await workers.run(tell, "again")
        except AiBusy:
            continue


async def test_a_worker_killed_while_idle_is_replaced_before_anybody_asks(
    workers: Workers,
) -> None:
    *_, before = await patient(workers)
    lost = workers.lost
    os.kill(before, signal.SIGKILL)
    await until(lambda: workers.lost > lost)
    await is_ready(workers)
    *_, after = await workers.run(tell, "")
    assert after != before


async def test_a_worker_is_replaced_after_the_temporary_folder_was_tidied_up(
    workers: Workers,
) -> None:
    *_, before = await patient(workers)
    lost = workers.lost
    folder = multiprocessing.util.get_temp_dir()
    shutil.rmtree(folder)  # with the socket of the workers' template
    os.kill(before, signal.SIGKILL)
    await until(lambda: workers.lost > lost)
    *_, after = await asyncio.wait_for(patient(workers), PATIENCE_S)
    assert after != before
    os.mkdir(folder)  # which is to be removed at exit


async def test_a_worker_is_replaced_after_its_template_was_killed(workers: Workers) -> None:
    *_, before = await patient(workers)
    lost = workers.lost
    os.kill(psutil.Process(before).ppid(), signal.SIGKILL)
    await until(lambda: workers.lost > lost)
    *_, after = await asyncio.wait_for(patient(workers), PATIENCE_S)
    assert after != before


async def test_a_job_past_its_deadline_is_killed(workers: Workers, tmp_path: Path) -> None:
    *_, pid = await workers.run(tell, "")
    with pytest.raises(GenerationFailed, match=r"longer than 1\.5 s"):
        await workers.run(hold, tmp_path / "never", deadline_s=1.5)
    assert not psutil.pid_exists(pid)
    await is_ready(workers)


async def test_past_the_queue_everybody_is_refused_at_once(workers: Workers) -> None:
    with workers.place(), workers.place():
        with pytest.raises(AiBusy) as caught, workers.place():
            pass
        assert caught.value.retry_after_s is not None
    with workers.place():
        pass


async def test_who_leaves_the_queue_frees_it_and_the_job_is_never_done(
    workers: Workers, tmp_path: Path
) -> None:
    async with held(workers, tmp_path / "over") as running:
        waiting = asyncio.create_task(workers.run(touch, tmp_path / "done"))
        await until(lambda: len(workers.line) == 1)
        assert workers.line.oldest_s() > 0
        waiting.cancel()
        await asyncio.wait([waiting])
        assert len(workers.line) == 0
    *_, next_pid = await workers.run(tell, "")
    assert await running == next_pid
    assert not (tmp_path / "done").exists()


async def test_a_job_that_has_begun_keeps_its_place_though_its_client_left(
    workers: Workers, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def request() -> None:
        with workers.place():
            await workers.run(hold, tmp_path / "over", report=lambda *_: begun.set())

    cancelled = workers.cancelled
    asked = asyncio.create_task(request())
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    asked.cancel()
    await until(lambda: workers.cancelled > cancelled)
    assert workers.taken == 1
    (tmp_path / "over").touch()
    await asyncio.wait([asked])
    assert workers.taken == 0
    await workers.run(tell, "")


async def test_a_request_that_waits_too_long_for_a_worker_gets_503_with_retry_after(
    tmp_path: Path,
) -> None:
    async with open_workers(
        prepare, size=1, queue=1, timeout_s=0.2, log_level="critical"
    ) as workers:
        await is_ready(workers)
        async with held(workers, tmp_path / "over"):
            with pytest.raises(AiBusy):
                await workers.run(tell, "")


async def test_ctrl_c_for_the_whole_group_does_not_end_a_job(
    workers: Workers, tmp_path: Path
) -> None:
    *_, pid = await workers.run(tell, "")
    async with held(workers, tmp_path / "over") as running:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert await running == pid


async def test_workers_that_cannot_start_are_tried_again_and_nobody_hangs(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    tried.touch()
    prepare = partial(refuse_to_start, tried)
    async with open_workers(prepare, size=1, queue=1, timeout_s=1, log_level="critical") as workers:
        await until(lambda: len(tried.read_text().splitlines()) == 3)
        with pytest.raises(AiStarting), workers.place():
            pass


async def test_closing_the_pool_leaves_no_process() -> None:
    async with open_workers(prepare, size=2, queue=1, timeout_s=9, log_level="critical") as pool:
        await is_ready(pool)
        pids = [worker.process.pid for worker in pool.ready]
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


PARENT = """
import asyncio
from pathlib import Path
from cartoon_avatar.ai.pools.workers import open_workers
from cartoon_avatar.process.logs import configure_logs
from tests.ai.pools.test_workers import hold, is_ready, prepare

async def main():
    async with open_workers(prepare, size=2, queue=0, timeout_s=99, log_level="error") as workers:
        await is_ready(workers)
        begun = asyncio.Event()  # one is busy, one idle
        job = workers.run(hold, Path("never"), report=lambda *_: begun.set())
        running = asyncio.create_task(job)
        await begun.wait()
        print(*(worker.process.pid for worker in workers.ready), flush=True)
        await running

if __name__ == "__main__":
    configure_logs("parent", "error")
    asyncio.run(main())
"""


async def test_workers_end_with_their_parent_even_if_it_is_killed(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = str(Path(__file__).parents[3])
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    with parent, parent.stdout as told:
        workers = [psutil.Process(int(pid)) for pid in told.readline().split()]
        assert len(workers) == 2
        parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert alive == []
