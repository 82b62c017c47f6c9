"""Memory that runs out: in a step, in the launcher, and in the engine itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import resource
import socket
import sys
from pathlib import Path

import pytest
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.processes import is_alive
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl
from penguin.orchestration.runtime.run_attempt import run_attempt

EAT = (
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\nprint('eats')\nx = b'x' * (1 << 30)\n"
)
LARGE = 8_000_000
"""Bytes of a message that has no room in a launcher without memory."""


def limit_memory(pid: int) -> None:
    """Let a process get no more memory than it has."""
    (size,) = re.findall(r"^VmSize:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    resource.prlimit(pid, resource.RLIMIT_AS, (int(size) * 1024, resource.RLIM_INFINITY))


def test_a_step_that_runs_out_of_memory_fails_with_what_it_said(workspace: AttemptWorkspace) -> None:
    workspace.write("eat.py", EAT)
    result = workspace.run(f"{sys.executable} eat.py")
    assert result.verdict is Verdict.FAILED
    assert "MemoryError" in result.steps[0].reason


def test_a_step_that_was_killed_is_an_error_that_names_the_possible_cause(workspace: AttemptWorkspace) -> None:
    result = workspace.run("kill -KILL $$")
    assert result.verdict is Verdict.ERROR
    assert "out of memory" in result.steps[0].reason


def test_a_launcher_that_runs_out_of_memory_is_reported_and_replaced(
    workspace: AttemptWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    order = workspace.order("echo x >> began; while [ ! -e go ]; do sleep 0.01; done")

    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(order))
        await wait_until_async((workspace.root / "began").exists, "the step")
        (launcher,) = workspace.launchers()
        limit_memory(launcher)
        await asyncio.to_thread(send, workspace.engines / "one" / "launcher.sock", b"x" * LARGE)
        await wait_until_async(lambda: not is_alive(launcher), "the end of the launcher")
        workspace.write("go", "")
        interrupted = await attempt
        assert interrupted.cause == "crash"
        assert interrupted.reason == (
            "the process that ran the step ended with an error (MemoryError), and its result is lost"
        )
        assert (await workspace.attempt(order)).verdict is Verdict.PASSED

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert "ended with an error: MemoryError" in caplog.text
    assert workspace.count("began") == 2


def send(address: Path, data: bytes) -> None:
    """Send data to a socket until its other end is closed."""
    folder = os.open(address.parent, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(ConnectionError):
            # A socket's path is limited to 108 bytes.
            client.connect(f"/proc/self/fd/{folder}/{address.name}")
            client.sendall(data)
    finally:
        os.close(folder)


class _Runner:
    """A runner of attempts that fails."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        raise self._error

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")], ids=["memory", "thread"])
def test_an_engine_without_memory_gives_an_error_that_says_so(workspace: AttemptWorkspace, error: Exception) -> None:
    result = asyncio.run(run_attempt(_Runner(error), workspace.order("true"), StopControl(), print))
    assert result.verdict is Verdict.ERROR
    assert "out of memory" in result.reason
