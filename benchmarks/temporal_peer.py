"""Temporal's development server with a file for its database, and a worker of the Python SDK: four activities."""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.clock import Figures

NEEDS = ("temporalio", "temporal")
AT_ONCE = 60
QUEUE = "bench"

try:
    from temporalio import activity, workflow
except ImportError:
    # `NEEDS` says so; the measure is not played.
    pass
else:

    @activity.defn
    async def step(number: int) -> int:
        return number

    @workflow.defn(sandboxed=False)
    class FourSteps:
        @workflow.run
        async def run(self, number: int) -> int:
            for phase in range(4):
                await workflow.execute_activity(step, phase, start_to_close_timeout=timedelta(seconds=60))
            return number


def measure(place: Path, quick: bool) -> Figures:
    place.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "temporal"
    db = place / "temporal.db"
    where = ["--ip", "127.0.0.1", "--port", str(port), "--headless", "--db-filename", str(db), "--log-level", "error"]
    server = subprocess.Popen(
        [program if program.exists() else shutil.which("temporal") or program, "server", "start-dev", *where],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return asyncio.run(_run(f"127.0.0.1:{port}", 8 if quick else 20))
    finally:
        server.terminate()
        server.wait(20)


async def _run(address: str, count: int) -> Figures:
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    client = await _connect(address)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=QUEUE, workflows=[FourSteps], activities=[step], workflow_runner=runner):

        async def complete(name: str) -> float:
            begun = time.perf_counter()
            await client.execute_workflow(FourSteps.run, 1, id=name, task_queue=QUEUE)
            return (time.perf_counter() - begun) * 1000

        await complete("first")
        one = [await complete(f"one-{number}") for number in range(count)]
        begun = time.perf_counter()
        await asyncio.gather(*[complete(f"many-{number}") for number in range(AT_ONCE)])
        return {"temporal.ms": statistics.median(one), "temporal.per_s": AT_ONCE / (time.perf_counter() - begun)}


async def _connect(address: str) -> Any:
    from temporalio.client import Client

    give_up = time.monotonic() + 60
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError:
            # What the SDK raises while nobody listens yet.
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.1)
