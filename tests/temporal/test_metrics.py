"""Metrics: the four names, on the SDK's own endpoint and on the embedded backend's."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest
from tests.support.network import free_port
from tests.support.waiting import PATIENCE, wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import OrchestrationConfig
from penguin.orchestration.backend import ConfigError, WorkflowError
from penguin.orchestration.runtime.metrics.exporter import metrics_address

pytestmark = pytest.mark.anyio

NAMES = (
    "temporal_workflow_started_total",
    "temporal_workflow_completed_total",
    "temporal_workflow_failed_total",
    "temporal_activity_execution_latency_count",
)
WORKER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from penguin.orchestration.runtime.metrics.exporter import STARTED
from penguin.orchestration.temporal.client.connection import connect
from tests.support.temporal_server import temporal_settings

@activity.defn
async def work() -> None: ...

@workflow.defn
class Task:
    @workflow.run
    async def run(self, fails: bool) -> None:
        workflow.metric_meter().create_counter(STARTED).add(1)
        await workflow.execute_activity(work, start_to_close_timeout=timedelta(seconds=5))
        if fails:
            raise ApplicationError("on purpose")

async def main():
    address, metrics, name = sys.argv[1:]
    connection = await connect(temporal_settings(Path.cwd(), address), Path.cwd(), metrics=metrics, environ={})
    async with Worker(connection.client, task_queue=name, workflows=[Task], activities=[work],
                      workflow_runner=UnsandboxedWorkflowRunner()):
        for fails in (False, True):
            try:
                await connection.client.execute_workflow(Task.run, fails, id=f"{name}-{fails}", task_queue=name)
            except Exception as error:
                print(type(error).__name__, flush=True)
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await connection.aclose()

asyncio.run(main())
"""


async def scraped(address: str) -> dict[str, float]:
    """The sum of every series, by name."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://{address}/metrics")).raise_for_status().text
    found: dict[str, float] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([a-z_]+)(?:\{.*\})? ([0-9.e+-]+|NaN|[+-]Inf)", line):
            found[match[1]] = found.get(match[1], 0.0) + float(match[2])
    return found


async def counted(address: str, **wanted: float) -> dict[str, float]:
    """The series, once these have these values."""
    found: dict[str, float] = {}

    async def has_values() -> bool:
        nonlocal found
        found = await scraped(address)
        return all(found.get(f"temporal_{name}") == value for name, value in wanted.items())

    await wait_until_async(has_values, f"metrics with {wanted}", details=lambda: found)
    return found


async def test_a_worker_serves_the_four_names_and_those_of_the_sdk(server: str) -> None:
    address, name = f"127.0.0.1:{free_port()}", uuid.uuid4().hex
    command = [sys.executable, "-c", WORKER, server, address, name]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert [worker.stdout.readline() for _ in range(2)] == ["WorkflowFailureError\n", "done\n"]
        found = await counted(
            address,
            workflow_started_total=2,
            workflow_completed_total=1,
            workflow_failed_total=1,
            activity_execution_latency_count=2,
        )
        assert 0 < found["temporal_activity_execution_latency_sum"] < PATIENCE
        assert "temporal_workflow_task_execution_latency_count" in found
        worker.communicate("", timeout=PATIENCE)
        assert worker.returncode == 0
    finally:
        worker.kill()
        worker.wait()


async def test_the_embedded_backend_serves_the_same_names(tmp_path: Path) -> None:
    workspace, address = SampleWorkspace(tmp_path), f"127.0.0.1:{free_port()}"
    workspace.tasks(
        "good",
        {"id": "blocked", "phases": {"test": {"run": ["false"]}}},
    )
    config = OrchestrationConfig(retry={"max_attempts": 2, "initial_delay_sec": 0})
    async with workspace.backend(retry=config.retry) as backend:
        backend.serve_metrics(address)
        before = await scraped(address)
        assert [before[name] for name in NAMES[:3]] == [0.0, 0.0, 0.0]
        good = await backend.start_workflow("good")
        blocked = await backend.start_workflow("blocked")
        await wait_for_workflow(backend, good, status="COMPLETED")
        await wait_for_workflow(backend, blocked, status="BLOCKED")
        # Four gates, and one that passed and two attempts of the one that did not.
        found = await counted(
            address,
            workflow_started_total=2,
            workflow_completed_total=1,
            workflow_failed_total=0,
            activity_execution_latency_count=7,
        )
        assert 0 < found["temporal_activity_execution_latency_sum"] < PATIENCE
    with pytest.raises(httpx.ConnectError):
        await scraped(address)


async def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        async with SampleWorkspace(tmp_path).backend() as backend:
            with pytest.raises(WorkflowError, match=f"metrics can't be served at {address}: Address already in use"):
                backend.serve_metrics(address)


@pytest.mark.parametrize(
    ("text", "address"),
    [("9464", "127.0.0.1:9464"), ("localhost:9464", "127.0.0.1:9464"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::1]:1",) * 2],
)
def test_an_address_may_be_a_port_alone(text: str, address: str) -> None:
    assert metrics_address(text) == address


@pytest.mark.parametrize("text", ["", "x", "host.example:1", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "::1:1"])
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--metrics"):
        metrics_address(text)


def test_the_worker_serves_metrics_and_scripts_do_not(tmp_path: Path) -> None:
    SampleWorkspace(tmp_path).tasks("a")
    environment = {**os.environ, "PENGUIN_ORCHESTRATION_BACKEND": "native"}
    penguin = [sys.executable, "-m", "penguin_repl"]
    refused = subprocess.run(
        [*penguin, "--metrics", "9464", "-c", "/workflow list"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "--metrics is for a shell and for `penguin worker`" in refused.stderr
    port = free_port()
    worker = subprocess.Popen(
        [*penguin, "--metrics", str(port), "worker"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert worker.stderr is not None
        assert worker.stderr.readline().startswith("worker: running")
        found = asyncio.run(scraped(f"127.0.0.1:{port}"))
        assert set(NAMES[:3]) <= set(found)
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
