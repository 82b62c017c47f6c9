"""Health: the same keys on both backends, and a warning where finished workflows are kept too shortly."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import activity
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.worker import Worker
from tests.support.network import free_port
from tests.support.temporal_server import temporal_settings
from tests.support.waiting import PATIENCE, wait_until_async

from penguin.orchestration import OrchestrationConfig, get_backend
from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.temporal.client.connection import ServerConnection, connect
from penguin.orchestration.temporal.client.health import health, out_of_reach, workers_polling
from penguin.orchestration.temporal.client.namespace import RETENTION, SEARCH_ATTRIBUTES, set_retention

pytestmark = pytest.mark.anyio

KEYWORD = 2
KEYS = [
    "backend",
    "connected",
    "address",
    "server_version",
    "namespace",
    "workers_polling",
    "active_count",
    "unfinished_elsewhere",
    "latency_sec",
    "retention_days",
    "saved_copies",
    "warning",
    "hint",
]
POLLING = """
import asyncio, sys
from pathlib import Path
from temporalio import activity
from temporalio.worker import Worker
from penguin.orchestration.temporal.client.connection import connect
from tests.support.temporal_server import temporal_settings

@activity.defn
async def nothing() -> None: ...

async def main():
    root = Path(sys.argv[1])
    client = (await connect(temporal_settings(root, sys.argv[2]), root, environ={})).client
    async with Worker(client, task_queue=sys.argv[3], activities=[nothing]):
        await asyncio.Event().wait()

asyncio.run(main())
"""


@activity.defn
async def nothing() -> None:
    """Is never called."""


async def none() -> int:
    return 0


async def three() -> int:
    return 3


async def polled_by(connection: ServerConnection, queue: str, workers: int) -> None:
    """Wait until the queue is polled by this many workers."""

    async def is_polled() -> bool:
        return len(await workers_polling(connection, queue)) == workers

    await wait_until_async(is_polled, f"{workers} workers")


async def test_the_server_tells_its_version_namespace_workers_and_latency(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    await set_retention(connection.client, RETENTION)
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    queue = f"penguin-ituv/{uuid.uuid4().hex}"
    told = (await health(connection, queue, three)).as_dict()
    assert list(told) == KEYS
    assert told["server_version"].count(".") == 2
    assert 0 < told["latency_sec"] < PATIENCE
    del told["server_version"], told["latency_sec"]
    assert told == {
        "backend": "temporal",
        "connected": True,
        "address": server,
        "namespace": "penguin",
        "workers_polling": 0,
        "active_count": 3,
        "unfinished_elsewhere": 0,
        "retention_days": 30.0,
        "saved_copies": None,
        "warning": None,
        "hint": None,
    }
    async with Worker(connection.client, task_queue=queue, activities=[nothing]):
        await polled_by(connection, queue, 1)
    await connection.aclose()


async def test_a_worker_that_was_killed_is_not_counted(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    queue = f"penguin-ituv/{uuid.uuid4().hex}"
    worker = subprocess.Popen([sys.executable, "-c", POLLING, os.fspath(tmp_path), server, queue])
    await polled_by(connection, queue, 1)
    worker.kill()
    worker.wait()
    assert await workers_polling(connection, queue) == set()
    await connection.aclose()


async def test_short_retention_is_warned_of(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    days = Duration()
    days.FromTimedelta(timedelta(days=3))
    await connection.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="hasty", workflow_execution_retention_period=days)
    )
    hasty = await ready(connection, tmp_path, "hasty")
    told = await health(hasty, "penguin-ituv/shop", none)
    assert told.retention_days == 3
    assert told.warning == "the namespace hasty keeps finished workflows for 3 days only"
    assert told.hint == f"temporal operator namespace update --address {server} --namespace hasty --retention 720h"
    await connection.aclose()


async def ready(connection: ServerConnection, root: Path, namespace: str) -> ServerConnection:
    """A connection to a namespace that was just made, once the server serves it."""
    wanted = AddSearchAttributesRequest(
        namespace=namespace, search_attributes=dict.fromkeys(SEARCH_ATTRIBUTES, KEYWORD)
    )

    async def try_to_connect() -> ServerConnection | None:
        try:
            return await connect(temporal_settings(root, connection.address, namespace=namespace), root, environ={})
        except BackendUnavailable as error:
            if "lacks search attributes" in error.message:
                await connection.client.operator_service.add_search_attributes(wanted)
        return None

    found = await wait_until_async(try_to_connect, f"the namespace {namespace}")
    assert found is not None
    return found


async def test_a_server_out_of_reach_is_not_connected(tmp_path: Path) -> None:
    settings = temporal_settings(tmp_path, f"127.0.0.1:{free_port()}", auto_start=False)
    with pytest.raises(BackendUnavailable) as caught:
        await connect(settings, tmp_path, environ={})
    told = out_of_reach(settings, caught.value).as_dict()
    assert list(told) == KEYS
    assert (told["connected"], told["active_count"]) == (False, None)
    assert "connection refused" in told["warning"]


async def test_the_embedded_backend_tells_the_same_keys(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").write_text("project: {id: p}\n")
    async with get_backend(OrchestrationConfig(backend="native"), tmp_path) as backend:
        told = await backend.health_check()
        assert list(told) == KEYS
        assert told["address"] == os.fspath(tmp_path / ".penguin" / "penguin.db")
        assert told["server_version"].startswith("SQLite 3.")
        assert (told["connected"], told["workers_polling"], told["active_count"]) == (True, 0, 0)
        await backend.run_engine()
        assert (await backend.health_check())["workers_polling"] == 1
