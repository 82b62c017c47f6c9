"""Options, markers and fixtures of all tests."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
KINDS = {
    "unit": (
        "architecture",
        "benchmarks",
        "blueprint",
        "commands",
        "config",
        "core",
        "files",
        "importers",
        "render",
        "report",
        "store",
        "text",
    ),
    "integration": ("agents", "crash", "execution", "fuzz", "native", "shell", "temporal", "worktree"),
    "acceptance": ("api", "cli", "docs", "examples", "package", "security", "worker"),
}
"""The kind of the tests in each folder. A test or module with a marker of its own keeps that one."""
PROCESS_EVENTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system")

# A shell script starts background jobs with Ctrl-C ignored, and nohup ignores SIGHUP. Every program that a test starts
# would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Commands of the tests find the programs of the environment that runs the tests, such as pytest, whether or not it is
# activated.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])

# The tests do not depend on the settings of the person who runs them.
os.environ["XDG_CONFIG_HOME"] = "/nowhere"
# Without bytecode, each worker compiles all tests again, and each of the programs that they start all of its modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# The records of their workspaces are temporary.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="penguin-tests-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
os.environ.pop("PENGUIN_TRUST", None)
for name in ("NO_COLOR", "CLICOLOR_FORCE", "ACCESSIBLE", "PAGER", "COLUMNS"):
    os.environ.pop(name, None)

# How long an example takes says how busy the machine is: more tests run at once than it has cores.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# A failed assertion in this module shows its values, as one in a test module does.
pytest.register_assert_rewrite("tests.scenarios.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden", action="store_true", help="write the golden files anew, to be looked at before a commit"
    )


@pytest.fixture(autouse=True, scope="session")
def _quick_pytest_in_workspaces() -> None:
    """Let pytest load no plugins where a gate of a test runs it: they take most of its time.

    Not at import: the workers of pytest-xdist inherit the environment, and need the plugins.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (`pytest.mark.anyio`) run on asyncio, which the engine is written for."""
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its kind."""
    kinds = {folder: kind for kind, folders in KINDS.items() for folder in folders}
    for item in items:
        if not any(item.get_closest_marker(kind) for kind in KINDS):
            folder = item.path.relative_to(TESTS).parts[0]
            if folder not in kinds:
                raise pytest.UsageError(f"tests/{folder} has no kind: add the folder to KINDS in tests/conftest.py")
            item.add_marker(getattr(pytest.mark, kinds[folder]))


class _ProcessGuard:
    """Refuses new processes while a unit test runs."""

    active = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and event in PROCESS_EVENTS:
            raise RuntimeError("a unit test starts a process: mark it with pytest.mark.integration")


_process_guard = _ProcessGuard()
sys.addaudithook(_process_guard)


@pytest.fixture(autouse=True)
def _unit_tests_start_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a unit test that starts a process."""
    _process_guard.active = request.node.get_closest_marker("unit") is not None
    yield
    _process_guard.active = False
