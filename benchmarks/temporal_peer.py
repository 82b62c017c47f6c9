"""Temporal's development server with a file for its database, and a worker of the Python SDK: four activities.

The server is started as Penguin starts its own, which makes it quicker than it is by itself: there, four activities one
after another take 250 ms, since it looks for tasks 20 times a second. The worker has the settings that the SDK gives
it: eager activities and cached workflows; more pollers, or those that scale, make no difference. Local activities would
be quicker, but are kept together, when the last of them ended: what is measured here is steps each of which is kept
before the next one begins.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.clock import Figures

NEEDS = ("temporalio", "temporal")
AT_ONCE = 200
QUEUE = "bench"
NAMESPACE = "penguin"
STEPS = 4
PATIENCE = 60.0
"""Seconds."""

try:
    from temporalio import activity, workflow
except ImportError:
    # If it is missing, NEEDS skips the measure.
    pass
else:

    @activity.defn
    async def step(number: int) -> int:
        return number

    @workflow.defn(sandboxed=False)
    class Activities:
        @workflow.run
        async def run(self, count: int) -> float:
            """Seconds from the beginning of the first activity to that of the last."""
            begun = last = workflow.time()
            for number in range(count):
                last = workflow.time()
                await workflow.execute_activity(step, number, start_to_close_timeout=timedelta(seconds=60))
            return last - begun


def measure(place: Path, quick: bool) -> Figures:
    with server(place) as address:
        return asyncio.run(_run(address, 8 if quick else 20))


@contextmanager
def server(place: Path) -> Iterator[str]:
    """The development server as Penguin starts it, on a free port."""
    from penguin.orchestration.temporal.dev_server.server import server_command, server_program

    place.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = server_command(server_program(), "127.0.0.1", port, NAMESPACE, place / "server.db")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def connected(address: str) -> Any:
    """A client, as soon as the server serves its namespace."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.client import Client
    from temporalio.service import RPCError

    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            client = await Client.connect(address, namespace=NAMESPACE)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        except (RuntimeError, RPCError):
            # The SDK raises this while no server listens.
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.1)
        else:
            return client


def worker(client: Any) -> Any:
    """One for the activities above."""
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    runner = UnsandboxedWorkflowRunner()
    return Worker(client, task_queue=QUEUE, workflows=[Activities], activities=[step], workflow_runner=runner)


async def complete(client: Any, name: str, count: int) -> float:
    """Milliseconds of a workflow of so many activities."""
    begun = time.perf_counter()
    await client.execute_workflow(Activities.run, count, id=name, task_queue=QUEUE)
    return (time.perf_counter() - begun) * 1000


async def activity_ms(client: Any, name: str) -> float:
    """Milliseconds from one activity to the next."""
    took = await client.execute_workflow(Activities.run, STEPS, id=name, task_queue=QUEUE)
    return float(took) * 1000 / (STEPS - 1)


async def _run(address: str, count: int) -> Figures:
    client = await connected(address)
    async with worker(client):
        await complete(client, "first", STEPS)
        one = [await complete(client, f"one-{number}", STEPS) for number in range(count)]
        begun = time.perf_counter()
        await asyncio.gather(*[complete(client, f"many-{number}", STEPS) for number in range(AT_ONCE)])
        return {"temporal.ms": statistics.median(one), "temporal.per_s": AT_ONCE / (time.perf_counter() - begun)}
