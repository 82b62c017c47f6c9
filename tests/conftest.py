"""What all tests share."""

from __future__ import annotations

import os
import signal
import sysconfig

import pytest

# Run in the background of a script, the tests would hand down an ignored Ctrl-C to every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Commands of the tests find the programs of the environment that runs the tests, such as pytest, whether or not it is
# activated.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])

# Nor do they depend on how the person who runs them likes a terminal.
os.environ["XDG_CONFIG_HOME"] = "/nowhere"
for name in ("NO_COLOR", "CLICOLOR_FORCE", "ACCESSIBLE", "PAGER", "COLUMNS"):
    os.environ.pop(name, None)

# What it asserts should say what it found, as in a test's own module.
pytest.register_assert_rewrite("tests.scenarios.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden", action="store_true", help="write the golden files anew, to be looked at before a commit"
    )


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (`pytest.mark.anyio`) run on asyncio, which the engine is written for."""
    return "asyncio"
