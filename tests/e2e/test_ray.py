"""The AI service on a real Ray cluster: a head and two workers on the loopback, a replica on each
worker. It is asked the same as the plain service, and by a real backend while parts of it die."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.contract import paths
from tests.ai.conftest import EndlessBody, astronaut, coffee  # noqa: F401, fixtures
from tests.ai.routes import (
    test_drawings,
    test_heads,
    test_requests,
    test_service,
    test_stickers,
    test_thumbnails,
)
from tests.ai.routes.conftest import cartoon  # noqa: F401, a fixture
from tests.ai.routes.responses import assert_problem
from tests.backend.conftest import picture
from tests.engines.ai_service import is_ready
from tests.engines.ports import free_ports
from tests.engines.ray import RayCluster, running_ray
from tests.faults.conftest import forks  # noqa: F401, a fixture
from tests.faults.processes import Backend, Forks
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(900)

QUEUE = 4
# Each client test of the plain service once more, but for those that start one of their own,
# look at one process, or send what no honest socket would.
_ITS_OWN = ("metrics", "past_the_queue", "worker_killed", "endless", "says_it_is_too_large")
globals().update(
    {
        name: pytest.mark.asyncio(loop_scope="module")(test)
        for plain in (
            *(test_drawings, test_heads, test_thumbnails, test_stickers),
            *(test_requests, test_service),
        )
        for name, test in vars(plain).items()
        if name.startswith("test_")
        and "ai" in inspect.signature(test).parameters
        and "app_for" not in inspect.signature(test).parameters
        and not any(word in name for word in _ITS_OWN)
    }
)


@dataclass
class Site:
    cluster: RayCluster
    ai_url: str
    backend: Backend
    driver: subprocess.Popen[bytes]

    def replicas(self) -> list[psutil.Process]:
        return [process for node in self.cluster.workers for process in node.replicas()]

    def answering(self) -> set[str]:
        """Replicas that answer, told apart by when they made a counter."""
        said = [
            httpx.get(f"{self.ai_url}{paths.METRICS}", timeout=PATIENCE_S).text for _ in range(8)
        ]
        return set(re.findall(r"^no_face_created (.*)", "\n".join(said), re.MULTILINE))


def until(true: Callable[[], object], what: str) -> float:
    """How long it took, in seconds."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < PATIENCE_S, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def site(
    forks: Forks,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    with ExitStack() as stack:
        cluster = stack.enter_context(running_ray())
        (port,) = free_ports(1)
        ai_url = f"http://127.0.0.1:{port}"
        backend = Backend(forks, tmp_path_factory.mktemp("ray") / "data", ai_url)
        environment = {
            **cluster.environment,
            "RAY_ADDRESS": cluster.address,
            "AI_RAY_PROXIES": "head",  # the nodes share a port here
            "AI_MIN_REPLICAS": "2",
            "AI_MAX_REPLICAS": "2",
            "AI_QUEUE": str(QUEUE),
            "AI_MODELS_DIR": str(models_folder(None)),
            "LOG_LEVEL": "error",
        }
        driver = deployed(ai_url, port, environment, cluster.folder / "driver.log")
        stack.callback(driver.wait, 120)
        stack.callback(driver.kill)
        site = Site(cluster, ai_url, backend, driver)
        stack.callback(backend.close)
        until(lambda: len(site.replicas()) == 2, "two replicas")
        backend.start()
        yield site


def deployed(
    url: str, port: int, environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """The process of `ai --ray`, once it answers."""
    with open(log, "wb") as said:
        driver = subprocess.Popen(
            [sys.executable, "-m", "cartoon_avatar.cli", "ai", "--ray", "--port", str(port)],
            env=environment,
            stdout=said,
            stderr=said,
        )
    begun = time.monotonic()
    while driver.poll() is None and time.monotonic() - begun < PATIENCE_S:
        if is_ready(url):
            return driver
        time.sleep(0.1)
    driver.kill()
    driver.wait()
    raise AssertionError(f"not deployed: {log.read_text()[-3000:]}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.ai_url, timeout=PATIENCE_S) as client:
        yield client


@pytest.mark.asyncio(loop_scope="module")
async def test_senders_of_too_much_are_refused_and_endless_ones_are_cut_off(ai: httpx.AsyncClient):
    for _ in range(3):
        response = await ai.post(paths.THUMBNAIL, files={"image": bytes(25_000_000)})
        assert_problem(response, 413, "file_too_large")

    body = EndlessBody()
    with suppress(httpx.TransportError):
        await ai.post(paths.THUMBNAIL, content=body, headers=body.headers)
    assert body.sent < 300_000_000


def asked_together(site: Site, number: int) -> list[httpx.Response]:
    """What so many requests for a drawing at once get."""
    photo = picture("jpeg", (480, 640))
    responses: list[httpx.Response] = []
    together = threading.Barrier(number)

    def ask() -> None:
        together.wait(PATIENCE_S)
        responses.append(
            httpx.post(
                f"{site.ai_url}{paths.GENERATE_CARTOON}", files={"image": photo}, timeout=PATIENCE_S
            )
        )

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(responses) == number
    return responses


def test_past_the_queue_the_response_is_the_contract_s(site: Site):
    """Two replicas hold two pictures each, four wait before them."""

    def full() -> bool:
        responses = asked_together(site, 24)
        for response in responses:
            assert response.status_code in (200, 503), response.text
            if response.status_code == 503:
                assert_problem(response, 503, "ai_busy")
        drawn = sum(response.status_code == 200 for response in responses)
        return 4 + QUEUE <= drawn < 24

    # A request that an earlier test gave up may still hold a place, and a busy machine may send
    # so slowly that there is one for each.
    until(full, "as many drawn as there are places, and others refused")


def test_a_portrait_goes_from_upload_to_a_head(site: Site, astronaut: bytes):  # noqa: F811
    with site.backend.client("portrait") as phone:
        uploaded = phone.post("/api/upload", files={"image": astronaut})
        assert uploaded.status_code == 201, uploaded.text
        drawn = uploaded.json()["cartoon"]["id"]
        cut = phone.post(f"/api/download/{drawn}")
        assert cut.status_code == 201, cut.text
        assert phone.get(cut.json()["face"]["faceUrl"]).headers["content-type"] == "image/png"


@dataclass
class Load:
    """What clients of the backend met while something was done to the cluster."""

    statuses: Counter[int] = field(default_factory=Counter)
    refused: list[httpx.Response] = field(default_factory=list)
    longest_s: float = 0
    ended: bool = False
    errors: list[Exception] = field(default_factory=list)


@contextmanager
def under_load(backend: Backend, clients: int = 3) -> Iterator[Load]:
    """Uploads, one after the other from each client; what they leave is nobody's concern."""
    load = Load()
    photo = picture("jpeg", (480, 640))

    def ask(number: int) -> None:
        with backend.client(f"load-{number}") as phone:
            phone.timeout = httpx.Timeout(PATIENCE_S)
            while not load.ended:
                begun = time.monotonic()
                try:
                    response = phone.post("/api/upload", files={"image": photo})
                except httpx.HTTPError as error:
                    load.errors.append(error)
                    return
                load.longest_s = max(load.longest_s, time.monotonic() - begun)
                load.statuses[response.status_code] += 1
                if response.status_code != 201:
                    load.refused.append(response)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.ended = True
        for thread in threads:
            thread.join()


def served(load: Load, more: int) -> Callable[[], bool]:
    wanted = load.statuses[201] + more
    return lambda: load.statuses[201] >= wanted or bool(load.errors)


def judge(load: Load, what: str, recovered_s: float) -> None:
    print(
        f"{what}: {dict(load.statuses)}, longest {load.longest_s:.1f} s, whole {recovered_s:.1f} s"
    )
    assert load.errors == []
    # Two were under way on the replica that died; each may have met the next one's death.
    assert load.statuses.keys() <= {201, 503}
    assert load.statuses[503] <= 2
    for response in load.refused:
        assert_problem(response, 503, "ai_unavailable")


def test_a_killed_replica_costs_nobody_a_picture(site: Site):
    with under_load(site.backend) as load:
        until(served(load, 3), "uploads before")
        killed = site.replicas()[0]
        killed.kill()
        whole_s = until(
            lambda: len(site.replicas()) == 2 and killed not in site.replicas(), "another replica"
        )
        whole_s += until(lambda: len(site.answering()) == 2, "its first response")
        until(served(load, 6), "uploads after")
    judge(load, "a replica killed", whole_s)


def test_a_killed_node_costs_nobody_a_picture_and_comes_back(site: Site):
    with under_load(site.backend) as load:
        until(served(load, 3), "uploads before")
        node = site.cluster.workers[0]
        assert len(node.replicas()) == 1
        node.kill()
        until(served(load, 6), "uploads on the node that is left")
        begun = time.monotonic()
        site.cluster.start_worker(5)
        until(lambda: len(site.replicas()) == 2, "a replica on the new node")
        until(lambda: len(site.answering()) == 2, "its first response")
        whole_s = time.monotonic() - begun
        until(served(load, 6), "uploads after")
    judge(load, "a node killed", whole_s)


def test_told_to_stop_it_leaves_nothing_in_the_cluster(site: Site):
    family = [
        *site.replicas(),
        *(one for it in site.replicas() for one in it.children(recursive=True)),
    ]
    assert len(family) >= 4
    site.driver.terminate()
    assert site.driver.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_S)
    assert alive == []
    assert not is_ready(site.ai_url)
