"""The health of the Temporal server, and its workers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.runtime.health import Health
from penguin.orchestration.temporal.client.namespace import SHORT_RETENTION

if TYPE_CHECKING:
    from temporalio.api.taskqueue.v1 import PollerInfo

    from penguin.orchestration.backend import BackendUnavailable
    from penguin.orchestration.config.program_config import TemporalConfig
    from penguin.orchestration.temporal.client.connection import ServerConnection

LONG_POLL = timedelta(seconds=70)
"""A polling worker polls again within a minute; the server lists it for five."""
DAY = timedelta(days=1)


async def health(connection: ServerConnection, task_queue: str, count_active: Callable[[], Awaitable[int]]) -> Health:
    """Return the health of the server.

    `task_queue` is the one whose workers count; `count_active` counts the workflows. Raises BackendUnavailable.
    """
    begun = time.monotonic()
    version = await connection.call(_server_version(connection))
    latency = time.monotonic() - begun
    days = connection.retention / DAY
    short = connection.retention < SHORT_RETENTION
    return Health(
        backend="temporal",
        connected=True,
        address=connection.address,
        server_version=version,
        namespace=connection.namespace,
        workers_polling=len(await workers_polling(connection, task_queue)),
        active_count=await count_active(),
        latency_sec=round(latency, 6),
        retention_days=round(days, 3),
        warning=_warning(connection.namespace, days) if short else None,
        hint=_lengthen(connection) if short else None,
    )


def out_of_reach(settings: TemporalConfig, error: BackendUnavailable) -> Health:
    """Return the health of a server that does not answer."""
    return Health(
        backend="temporal",
        connected=False,
        address=settings.address or "",
        namespace=settings.namespace,
        warning=error.message,
        hint=error.hint,
    )


async def workers_polling(connection: ServerConnection, task_queue: str) -> set[str]:
    """Return the identities of the workers that poll a queue of activities. Raises BackendUnavailable.

    A worker that died on another machine is listed for up to LONG_POLL more; one that died on this machine is not.
    """
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    found = await connection.call(
        connection.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=connection.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            )
        )
    )
    return {poller.identity for poller in found.pollers if _is_alive(poller)}


async def _server_version(connection: ServerConnection) -> str:
    from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

    return (await connection.client.workflow_service.get_system_info(GetSystemInfoRequest())).server_version


def _is_alive(poller: PollerInfo) -> bool:
    seen = poller.last_access_time.ToDatetime(tzinfo=UTC)
    if datetime.now(UTC) - seen > LONG_POLL:
        return False
    # The SDK's default identity of a worker: process id and host.
    process, _, host = poller.identity.partition("@")
    here = host == socket.gethostname() and process.isdigit()
    return not here or Path("/proc", process).exists() or not os.access("/proc/self", os.F_OK)


def _warning(namespace: str, days: float) -> str:
    kept = f"{days:g} day{'' if days == 1 else 's'}"
    return f"the namespace {namespace} keeps finished workflows for {kept} only"


def _lengthen(connection: ServerConnection) -> str:
    return (
        f"temporal operator namespace update --address {connection.address} "
        f"--namespace {connection.namespace} --retention 720h"
    )
