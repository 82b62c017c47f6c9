"""Waiting for conditions, with one time limit for all tests."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from penguin.orchestration import OrchestrationBackend
from penguin.orchestration.backend import WorkflowInfo

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a wait fails the test. It is long because the machine may be busy."""
INTERVAL = 0.01
"""Seconds between two checks of a condition."""


def wait_until(
    condition: Callable[[], T],
    what: str = "the condition",
    *,
    details: Callable[[], object] = lambda: "",
    process: subprocess.Popen[str] | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Wait until a condition is true.

    Args:
        condition: Called until it returns something true.
        what: The name of the condition, for the message of a failure.
        details: Called on failure; its result is added to the message.
        process: If this process ends before the condition is true, the wait fails at once.
        pause: Called with a number of seconds between two checks of the condition.

    Returns:
        What the condition returned.

    Raises:
        AssertionError: The condition was not true within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(f"{what}: the process ended first: {process.communicate()[1]}")
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}: {details()}"
        pause(INTERVAL)
    return result


@overload
async def wait_until_async(
    condition: Callable[[], Awaitable[T]], what: str = ..., *, details: Callable[[], object] = ...
) -> T: ...


@overload
async def wait_until_async(
    condition: Callable[[], T], what: str = ..., *, details: Callable[[], object] = ...
) -> T: ...


async def wait_until_async(
    condition: Callable[[], Any],
    what: str = "the condition",
    *,
    details: Callable[[], object] = lambda: "",
) -> Any:
    """Do the same as `wait_until` on an event loop. The condition may be a coroutine function."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}: {details()}"
        await asyncio.sleep(INTERVAL)


async def wait_for_workflow(backend: OrchestrationBackend, workflow_id: str, **fields: str) -> WorkflowInfo:
    """Wait until fields of a workflow have these values, and return the workflow."""
    info: WorkflowInfo | None = None

    async def has_values() -> bool:
        nonlocal info
        info = await backend.get_workflow_status(workflow_id)
        assert info is not None
        return all(getattr(info, name) == value for name, value in fields.items())

    await wait_until_async(has_values, f"a workflow with {fields}", details=lambda: info)
    assert info is not None
    return info
