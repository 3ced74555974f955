from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.ai.settings import AiSettings, variable_of
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.process.logs import configure_logs

_SHORT = 15
_FEW = 16
_LONGEST_FIRST = ("faults", "e2e", "browser", "clients", "attacks", "backend")
_LOCAL = "127.0.0.1,localhost,::1"
# The services of the tests give nothing up because the machine is busy.
_PATIENT = {
    "AI_TASK_TIMEOUT_S": "300",
    "AI_BODY_TIMEOUT_S": "300",
    "AI_FETCH_TIMEOUT_S": "100",
    "AI_TIMEOUT_S": "600",
    "DATABASE_TIMEOUT_S": "100",
    "STORAGE_TIMEOUT_S": "100",
}


def _forget_the_caller() -> None:
    """Take out of the environment what the product and its clients read there.

    Tests started by ``./run``, in a container of the service, or beside a configured PostgreSQL,
    bucket or Ray cluster find the same.
    """
    models = models_folder(os.environ.get("AI_MODELS_DIR"))
    ours = {name.upper() for name in BackendSettings.model_fields}
    ours |= {variable_of(name) for name in AiSettings.model_fields}
    ours |= {"CARTOON_AVATAR_RUN", "PROMETHEUS_MULTIPROC_DIR", "COLUMNS", "LINES"}
    for name in list(os.environ):
        if name.upper() in ours or name.startswith(("AWS_", "PG", "RAY_")):
            del os.environ[name]
    os.environ |= {**_PATIENT, "CARTOON_AVATAR_MODELS": str(models)}
    # Every process of the tests would compile all modules anew: half of what a start takes.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Servers of the tests are not asked through a proxy.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), _LOCAL)))


_forget_the_caller()  # before the modules of the tests are imported
# No deadline for a case, which would judge the machine, and the same cases each time.
hypothesis.settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds",
        type=int,
        default=_SHORT,
        help="How often each fault and race is tried (tests/faults); 100 and more for a long run.",
    )
    parser.addoption(
        "--pictures",
        type=int,
        default=_FEW,
        help="How many made-up pictures are looked at (tests/ai/seeing/test_property.py) and sent"
        " (tests/ai/test_property_over_http.py).",
    )
    parser.addoption(
        "--first",
        type=int,
        default=0,
        help="The number of the first made-up picture: long runs are split and continued by it.",
    )


def _turn(item: pytest.Item) -> int:
    """Tests of services last longest: begun last, they would keep one process long after the
    others have ended."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--rounds")


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--pictures")


@pytest.fixture
def numbers(request: pytest.FixtureRequest, pictures: int) -> range:
    """Of the made-up pictures; the same number is always the same picture."""
    first = request.config.getoption("--first")
    return range(first, first + pictures)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes that run tests
        items.sort(key=_turn)
    for name, short in (("rounds", _SHORT), ("pictures", _FEW)):
        count = config.getoption(f"--{name}")
        for item in items if count > short else ():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(900 * count / short))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped: in CI every test has to run")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # one of several processes that run tests, which report to another
        return
    if os.environ.get("CI") and exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged, as the running service would write it."""
    root = logging.getLogger()
    before, level, structured = root.handlers[:], root.level, structlog.get_config()
    written = io.StringIO()
    configure_logs("backend", "debug", written)
    yield written
    structlog.configure(**structured)
    root.handlers[:] = before
    root.setLevel(level)
