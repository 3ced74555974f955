"""A real Ray cluster on the loopback: a head and two workers, each with an address of its own."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

_START_S = 250  # of each node
_STORE_BYTES = 80_000_000  # the least that Ray takes, about


@dataclass
class Node:
    """A raylet and what belongs to it; its parent is the ``ray start`` that began it."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def family(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            begun = psutil.Process(self.process.pid)
            return [*begun.children(recursive=True), begun]
        return []

    def replicas(self) -> list[psutil.Process]:
        found = []
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                if "".join(process.cmdline()[:1]).startswith("ray::ServeReplica"):
                    found.append(process)
        return found

    def kill(self) -> list[psutil.Process]:
        """All at once, as a machine goes; returns who was there."""
        family = self.family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        return family


@dataclass
class RayCluster:
    folder: Path
    network: str
    gcs_port: int
    nodes: list[Node] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{self.network}.2:{self.gcs_port}"

    @property
    def workers(self) -> list[Node]:
        return self.nodes[1:]

    def start(self, *arguments: str, number: int) -> Node:
        """One at a time: of several started at once one may time out."""
        address = f"{self.network}.{number}"
        log = self.folder / f"{number}.log"
        agent, listen, metrics, environment = free_ports(4)
        node_id = secrets.token_hex(28)
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [
                    # A run that is killed leaves no cluster.
                    *("setpriv", "--pdeathsig=TERM"),
                    *(str(_binary()), "start", "--block", f"--node-ip-address={address}"),
                    *(f"--object-store-memory={_STORE_BYTES}", "--disable-usage-stats"),
                    *(f"--dashboard-agent-grpc-port={agent}", f"--metrics-export-port={metrics}"),
                    f"--dashboard-agent-listen-port={listen}",
                    f"--runtime-env-agent-port={environment}",
                    *arguments,
                ],
                env={**self.environment, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": node_id},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        node = Node(address, process, log)
        self.nodes.append(node)
        # A raylet gives its agents 15 s to write down the ports that they listen on, whatever is
        # configured; on a busy machine they take longer. It asks for this one even if it is given.
        session = self.folder / "t/session_latest"
        _wait_until(session.exists, node)
        (session / f"dashboard_agent_listen_port_{node_id}").write_text(str(listen))
        _wait_until(lambda: b"Ray runtime started" in node.log.read_bytes(), node)
        return node

    def start_worker(self, number: int) -> Node:
        return self.start(f"--address={self.address}", "--num-cpus=1", number=number)


def _wait_until(true: Callable[[], bool], node: Node) -> None:
    until = time.monotonic() + _START_S
    while not true():
        if node.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"Ray did not start: {node.log.read_text()[-2000:]}")
        time.sleep(0.1)


@contextmanager
def running_ray() -> Iterator[RayCluster]:
    # Short: its sockets' paths may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    # A network of its own, since another run on this machine has its own raylets.
    network = f"127.{random.SystemRandom().randint(1, 254)}.{random.SystemRandom().randint(1, 254)}"
    gcs_port, client_port = free_ports(2)  # above Ray's own range for workers, 10002 to 19999
    cluster = RayCluster(folder, network, gcs_port)
    (folder / "home").mkdir()
    cluster.environment = {
        **os.environ,
        # Ray keeps a token and its settings in the home folder.
        "HOME": str(folder / "home"),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's own bounds, where they can be set, would end a start on a busy machine.
        "RAY_raylet_start_wait_time_s": str(_START_S),
        "RAY_agent_register_timeout_ms": str(1000 * _START_S),
        "RAY_gcs_rpc_server_connect_timeout_s": str(_START_S),
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": str(_START_S),
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": str(_START_S),
        # A dead node, which refuses connections, is noticed after three seconds instead of half a
        # minute; a slow one has time.
        "RAY_health_check_initial_delay_ms": "2000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "30000",
        "RAY_health_check_failure_threshold": "3",
        "PYTHONWARNINGS": "ignore",
    }
    left: list[psutil.Process] = []
    try:
        cluster.start(
            *("--head", f"--port={gcs_port}", "--num-cpus=0", f"--temp-dir={folder}/t"),
            *("--include-dashboard=false", f"--ray-client-server-port={client_port}"),
            number=2,
        )
        for number in (3, 4):
            cluster.start_worker(number)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            left += node.kill()
        psutil.wait_procs(left, timeout=PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> Path:
    return Path(sys.executable).with_name("ray")
