from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from cartoon_avatar.process.logs import configure_logs

_SHORT = 15
_FEW = 16


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


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--rounds")


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--pictures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name, short in (("rounds", _SHORT), ("pictures", _FEW)):
        count = config.getoption(f"--{name}")
        for item in items if count > short else ():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(300 * count / short))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped: in CI every test has to run")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
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
