"""The connection to a Temporal server: opened within seconds, or refused with the reason."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import PayloadLimitsConfig, RPCError, RPCStatusCode

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.files.secret_env import API_KEY
from penguin.orchestration.temporal.client import namespace, telemetry
from penguin.orchestration.temporal.client.diagnosis import PROBE_LIMIT, SAY_ADDRESS, SAY_KEY, ConnectionDiagnosis
from penguin.orchestration.temporal.client.encryption import data_converter
from penguin.orchestration.temporal.client.tls import is_loopback, tls_of
from penguin.orchestration.temporal.dev_server.server import DevServer

if TYPE_CHECKING:
    from penguin.orchestration.config.program_config import TemporalConfig
    from penguin.orchestration.files.workspace import Workspace

T = TypeVar("T")

MEMO_LIMIT = 256 * 1024
"""Bytes of a memo above which to warn: definitions and states are stored there. The server rejects 2 MB."""
CALL_LIMIT = 5.0
"""Seconds of the time-out of one call. The SDK's own time-out does not apply when a server dies."""
OWN_LIMIT = 15.0
"""Seconds from the moment when the workspace's own server listens until it serves its namespace."""
BIRTH = 1.0
"""The part of these seconds in which a starting server creates its namespace."""
LAST_CALLS = 0.02
"""Seconds for the SDK's threads to finish. If the interpreter ends before that, it may crash."""


class NamespaceNotReady(BackendUnavailable):
    """The server has no such namespace, or the namespace lacks the search attributes in `missing`."""

    def __init__(self, told: BackendUnavailable, client: Client, missing: list[str]) -> None:
        super().__init__(told.message, told.hint)
        self.client = client
        self.missing = missing


class ServerConnection:
    """A connected client, its namespace, and how long that keeps finished workflows."""

    def __init__(self, client: Client, address: str, retention: timedelta) -> None:
        self.server: DevServer | None = None
        """The workspace's own server, if it is used."""
        self.client = client
        self.address = address
        self.namespace = client.namespace
        self.retention = retention

    async def call(self, awaitable: Awaitable[T], limit: float = CALL_LIMIT) -> T:
        """Return the result of a call to the server.

        Raises BackendUnavailable if it is out of reach, and other RPCErrors.
        """
        return await within(awaitable, self.address, limit)

    async def aclose(self) -> None:
        """Close the connection, so that the interpreter can end.

        The last user of the workspace's own server ends that too.
        """
        await asyncio.sleep(LAST_CALLS)
        server, self.server = self.server, None
        if server is not None:
            await server.release()


async def connect(
    settings: TemporalConfig,
    root: Path,
    *,
    address: str | None = None,
    metrics: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ServerConnection:
    """Connect to the server of the settings, or to `address`, in at most five seconds.

    Relative paths in the settings are relative to `root`; `metrics` is HOST:PORT. Raises BackendUnavailable, which says
    whether the name, the port, TLS or the namespace is at fault, and ConfigError for invalid certificates or keys.
    """
    address = address or settings.address or ""
    api_key = environ.get(API_KEY) or None
    tls = tls_of(settings.tls, root, address, api_key)  # type: ignore[arg-type] # effective settings hold a TlsConfig
    converter = data_converter(environ)
    telemetry.set_up_runtime(metrics)
    diagnosis = ConnectionDiagnosis(address, tls)
    await diagnosis.check_port()
    try:
        client = await asyncio.wait_for(
            Client.connect(
                address,
                namespace=settings.namespace or "default",
                api_key=api_key,
                data_converter=converter,
                tls=tls.for_sdk() if tls else False,
                payload_limits=PayloadLimitsConfig(memo_warn_size=MEMO_LIMIT),
            ),
            diagnosis.left(PROBE_LIMIT),
        )
    except (RuntimeError, TimeoutError) as error:
        raise await diagnosis.explain(error) from error
    diagnosis.checks["TLS"] = "fine" if tls else "off"
    return ServerConnection(client, address, await _retention(client, diagnosis))


async def open_connection(
    settings: TemporalConfig,
    workspace: Workspace,
    *,
    may_start: bool = True,
    narrate: Callable[[str], None] = lambda text: None,
    metrics: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ServerConnection:
    """Connect as a workspace does: to its own development server if `auto_start` and a loopback address allow that.

    If `may_start` is false, no server is started. `narrate` is called with a message when one is started. Raises the
    errors of `connect`, and ServerNotRunning.
    """
    address = settings.address or ""
    if not settings.auto_start or not is_loopback(address) or _tls_wanted(settings):
        return await connect(settings, workspace.root, metrics=metrics, environ=environ)
    server = DevServer(workspace, address, settings.namespace or "default", narrate)
    own = await server.acquire(may_start=may_start)
    if own is None:
        return await connect(settings, workspace.root, metrics=metrics, environ=environ)
    try:
        connection = await _connect_own(settings, workspace, own, metrics, environ)
    except BaseException:
        await server.release()
        raise
    connection.server = server
    return connection


async def _connect_own(
    settings: TemporalConfig, workspace: Workspace, address: str, metrics: str | None, environ: Mapping[str, str]
) -> ServerConnection:
    begun = time.monotonic()
    while True:
        try:
            connection = await connect(settings, workspace.root, address=address, metrics=metrics, environ=environ)
            break
        except BackendUnavailable as error:
            # It listens a moment before its namespace exists.
            if time.monotonic() > begun + OWN_LIMIT:
                raise
            if isinstance(error, NamespaceNotReady) and time.monotonic() > begun + BIRTH:
                # It was started with another namespace.
                await within(namespace.prepare_namespace(error.client, error.missing), address)
            await asyncio.sleep(0.05)
    if connection.retention < namespace.RETENTION:
        await connection.call(namespace.set_retention(connection.client, namespace.RETENTION))
        connection.retention = namespace.RETENTION
    return connection


def _tls_wanted(settings: TemporalConfig) -> bool:
    return bool(getattr(settings.tls, "enabled", False))


async def _retention(client: Client, diagnosis: ConnectionDiagnosis) -> timedelta:
    """Return how long the namespace keeps finished workflows. Raises BackendUnavailable if it can't be used."""
    name = client.namespace
    try:
        retention, missing = await asyncio.wait_for(namespace.inspect_namespace(client), diagnosis.left())
    except TimeoutError:
        diagnosis.checks["namespace"] = "no answer"
        sentence = f"the Temporal server at {diagnosis.address} does not answer"
        raise diagnosis.refusal(sentence, SAY_ADDRESS) from None
    except RPCError as error:
        diagnosis.checks["namespace"] = error.message
        told = _namespace_refused(name, error, diagnosis)
        raise (NamespaceNotReady(told, client, []) if error.status == RPCStatusCode.NOT_FOUND else told) from error
    if missing:
        diagnosis.checks["namespace"] = f"lacks {', '.join(missing)}"
        sentence = f"the namespace {name} lacks search attributes: {', '.join(missing)}"
        told = diagnosis.refusal(sentence, namespace.how_to_add(name, diagnosis.address, missing))
        raise NamespaceNotReady(told, client, missing)
    return retention


def _namespace_refused(name: str, error: RPCError, diagnosis: ConnectionDiagnosis) -> BackendUnavailable:
    where = f"the Temporal server at {diagnosis.address}"
    if error.status == RPCStatusCode.NOT_FOUND:
        diagnosis.checks["namespace"] = f"{name} is missing"
        return diagnosis.refusal(f"{where} has no namespace {name}", namespace.how_to_make(name, diagnosis.address))
    if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
        return diagnosis.refusal(f"{where} denies access to the namespace {name}", SAY_KEY)
    return diagnosis.refusal(f"{where} does not serve the namespace {name}: {error.message}", SAY_ADDRESS)


async def within(awaitable: Awaitable[T], address: str, limit: float = CALL_LIMIT) -> T:
    """Return the result of a call to the server at `address`; `limit` in seconds.

    Raises BackendUnavailable if the server is out of reach or denies access; other RPCErrors are passed on.
    """
    try:
        return await asyncio.wait_for(awaitable, limit)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        # The SDK raises the same error for both, also when this task was cancelled.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise _no_answer(address, limit) from None
    except TimeoutError:
        raise _no_answer(address, limit) from None
    except RPCError as error:
        if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
            raise BackendUnavailable(f"lost the Temporal server at {address}: {error.message}", "/health") from error
        if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
            raise BackendUnavailable(
                f"the Temporal server at {address} denies access: {error.message}", SAY_KEY
            ) from error
        raise


def _no_answer(address: str, limit: float) -> BackendUnavailable:
    return BackendUnavailable(f"the Temporal server at {address} did not answer within {limit:g} s", "/health")
