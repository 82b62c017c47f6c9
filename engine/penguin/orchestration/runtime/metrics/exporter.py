"""Metrics of the native backend for Prometheus, under the names that the Temporal SDK gives them.

Imported only if metrics are served.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from penguin.orchestration.backend import ConfigError, WorkflowError, WorkflowInfo, WorkflowStatus

if TYPE_CHECKING:
    from penguin.orchestration.store.history import PhaseResult

STARTED = "temporal_workflow_started"
COMPLETED = "temporal_workflow_completed"
FAILED = "temporal_workflow_failed"
LATENCY = "temporal_activity_execution_latency"
BUCKETS = (0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
"""Seconds: from a command that does nothing to the hours of an agent."""
EXAMPLE = "for example 127.0.0.1:9464"

Results = Callable[[str], Iterable["PhaseResult"]]
Owned = Callable[[], Iterable[WorkflowInfo]]


def metrics_address(text: str) -> str:
    """Return HOST:PORT of `--metrics`, with a numeric host; a port alone means this machine. Raises ConfigError."""
    match = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.]+\]|[^:\s]+):)?([0-9]{1,5})", text.strip())
    host = (match[1] or "localhost") if match else ""
    host = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ConfigError(f"--metrics: {text!r} is not IP:PORT", EXAMPLE) from None
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ConfigError(f"--metrics: {text!r} has no port from 1 to 65535", EXAMPLE)
    return f"{host}:{match[2]}"


class Exporter:
    """Counts what this process owns, and serves it at http://HOST:PORT/metrics.

    `results` reads a workflow's attempts, `owned` returns the workflows that this process owns. Raises WorkflowError
    if the address can't be served.
    """

    def __init__(self, address: str, results: Results, owned: Owned) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Histogram
        except ImportError as error:
            raise ConfigError(
                "--metrics needs prometheus_client", "in a clone of Penguin: pip install '.[metrics]'"
            ) from error
        registry = CollectorRegistry()
        self._started = Counter(STARTED, "Workflows that were started here", registry=registry)
        self._completed = Counter(COMPLETED, "Workflows that completed here", registry=registry)
        self._failed = Counter(FAILED, "Workflows that failed here", registry=registry)
        self._latency = Histogram(
            LATENCY, "Seconds that attempts of phases took", ("phase",), registry=registry, buckets=BUCKETS
        )
        self._results = results
        self._owned = owned
        self._since: dict[str, datetime] = {}
        """By workflow: when this process was first seen to own it, or the end of its newest counted attempt."""
        self._server, self._thread = _serve(address, registry)

    def change(self, info: WorkflowInfo) -> None:
        """Count a change of a workflow. Called by the backend after every durable change."""
        if info.workflow_id not in self._since:
            if info.updated_at == info.started_at:
                self._started.inc()
            elif info.workflow_id not in {owned.workflow_id for owned in self._owned()}:
                # Another process runs it, and counts it.
                return
            self._since[info.workflow_id] = info.updated_at
        self._count_attempts(info.workflow_id)
        if info.status.final:
            del self._since[info.workflow_id]
            if info.status is WorkflowStatus.COMPLETED:
                self._completed.inc()
            elif info.status is WorkflowStatus.FAILED:
                self._failed.inc()

    def _count_attempts(self, workflow_id: str) -> None:
        since = newest = self._since[workflow_id]
        for result in self._results(workflow_id):
            if result.attempt and result.ended_at is not None and result.ended_at > since:
                took = max(0.0, (result.ended_at - result.started_at).total_seconds())
                self._latency.labels(result.phase.value).observe(took)
                newest = max(newest, result.ended_at)
        self._since[workflow_id] = newest

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _serve(address: str, registry: object) -> tuple[WSGIServer, threading.Thread]:
    from prometheus_client import make_wsgi_app

    from penguin.orchestration.runtime.metrics.server import start_server

    host, _, port = address.rpartition(":")
    application = make_wsgi_app(registry)  # type: ignore[arg-type]
    try:
        return start_server(host.strip("[]"), int(port), application)
    except OSError as error:
        raise WorkflowError(f"metrics can't be served at {address}: {error.strerror}", EXAMPLE) from error
