"""Connecting: what answers is used, what does not is refused within seconds, with the reason."""

from __future__ import annotations

import asyncio
import collections
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import activity
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from tests.support.network import free_port, listening, serve_http, serve_nothing
from tests.support.temporal_server import temporal_settings
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import BackendUnavailable, WorkflowError
from penguin.orchestration.temporal.client import telemetry
from penguin.orchestration.temporal.client.connection import connect, within

pytestmark = pytest.mark.anyio

SHORT_RUNS = 8
SHORT_RUN = """
import asyncio, sys
from pathlib import Path
from penguin.orchestration.config import OrchestrationConfig, load_settings
from penguin.orchestration.temporal.client.connection import connect, within

async def main():
    config = OrchestrationConfig(temporal={"address": sys.argv[1]})
    settings = load_settings(Path.cwd(), config, {}, required=False).temporal
    connection = await connect(settings, Path.cwd(), environ={})
    print((await connection.call(connection.client.count_workflows())).count >= 0)
    await connection.aclose()

asyncio.run(main())
"""


async def refused(root: Path, address: str, **options: object) -> BackendUnavailable:
    """The error of connecting there, which comes whatever the server does not do."""
    with pytest.raises(BackendUnavailable) as caught:
        await connect(temporal_settings(root, address, **options), root, environ={})
    return caught.value


async def test_a_server_that_answers_is_connected(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    assert (connection.address, connection.namespace) == (server, "penguin")
    assert (await connection.call(connection.client.count_workflows())).count >= 0
    await connection.aclose()


async def test_a_dead_address_says_that_nothing_listens(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    error = await refused(tmp_path, address)
    assert error.message.startswith(f"no Temporal server at {address}: connection refused (name: 127.0.0.1; port: ")
    assert "TEMPORAL_ADDRESS" in error.hint


async def test_a_name_that_does_not_resolve_is_said_to_be_unknown(tmp_path: Path) -> None:
    error = await refused(tmp_path, "no-such-host.invalid:7233")
    assert "no-such-host.invalid" in error.message
    assert "port: not checked" in error.message


async def test_a_silent_listener_is_given_up(tmp_path: Path) -> None:
    async with listening(serve_nothing) as address:
        error = await refused(tmp_path, address)
    assert error.message.startswith(f"something listens at {address} and does not answer")
    assert "port: open, but silent" in error.message


async def test_a_full_backlog_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with socket.create_connection(listener.getsockname()):
            error = await refused(tmp_path, address)
    assert address in error.message


async def test_a_web_server_is_no_temporal_server(tmp_path: Path) -> None:
    async with listening(serve_http) as address:
        error = await refused(tmp_path, address)
    assert error.message.startswith(f"the server at {address} is not a Temporal server")


async def test_a_missing_namespace_says_how_to_make_it(tmp_path: Path, server: str) -> None:
    error = await refused(tmp_path, server, namespace="elsewhere")
    assert error.message.startswith(f"the Temporal server at {server} has no namespace elsewhere")
    assert error.hint == f"temporal operator namespace create --address {server} --namespace elsewhere --retention 720h"


async def test_a_namespace_without_search_attributes_says_how_to_add_them(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    month = Duration(seconds=30 * 86_400)
    await connection.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="bare", workflow_execution_retention_period=month)
    )

    async def known() -> BackendUnavailable | None:
        error = await refused(tmp_path, server, namespace="bare")
        return None if "no namespace bare" in error.message else error

    # The server knows a new namespace after a moment.
    error = await wait_until_async(known, "the new namespace")
    assert error is not None
    assert "the namespace bare lacks search attributes: PenguinProject, PenguinTask" in error.message
    assert "--namespace bare --name PenguinProject --type Keyword" in error.hint
    await connection.aclose()


async def test_tls_on_a_server_without_is_said(tmp_path: Path, server: str) -> None:
    error = await refused(tmp_path, server, tls={"enabled": True})
    assert error.message.startswith(f"the server at {server} does not speak TLS")
    assert "enabled: false" in error.hint


async def test_a_call_that_gets_no_answer_is_given_up(server: str) -> None:
    with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.1 s"):
        await within(asyncio.get_running_loop().create_future(), server, 0.1)


async def test_metrics_can_not_be_had_once_connected(tmp_path: Path, server: str) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})
    with pytest.raises(WorkflowError, match="connected already"):
        telemetry.set_up_runtime("127.0.0.1:1")
    await connection.aclose()


async def test_short_runs_end_without_a_crash_and_print_nothing_of_the_sdk(tmp_path: Path, server: str) -> None:
    command = [sys.executable, "-c", SHORT_RUN, server]
    runs = [subprocess.run(command, cwd=tmp_path, capture_output=True, text=True) for _ in range(SHORT_RUNS)]
    assert collections.Counter((run.returncode, run.stdout, run.stderr) for run in runs) == {
        (0, "True\n", ""): SHORT_RUNS
    }


async def test_activities_that_fail_with_the_server_are_not_logged(
    tmp_path: Path, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await connect(temporal_settings(tmp_path, server), tmp_path, environ={})

    errors = (asyncio.CancelledError(), BackendUnavailable("away"), ValueError("a defect"))
    for error in errors:
        activity.logger.warning("Completing activity as failed", exc_info=error)
    await connection.aclose()
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [errors[-1]]
