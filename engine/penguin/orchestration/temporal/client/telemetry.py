"""The SDK's runtime: configured once for the process, with metrics on request."""

from __future__ import annotations

import asyncio
import logging

from penguin.orchestration.backend import BackendUnavailable, WorkflowError

LOGGER = logging.getLogger("penguin.temporal")
"""The logger for the SDK's core. Without a handler of the program, its messages are dropped."""

_metrics_at: str | None = None
_done = False


def set_up_runtime(metrics: str | None = None) -> None:
    """Configure the SDK. `metrics` is the HOST:PORT of Prometheus metrics, served at http://HOST:PORT/metrics.

    The first call decides for the process. Raises WorkflowError if the address is in use, or if metrics are requested
    after a connection was made without them.
    """
    global _metrics_at, _done
    if _done:
        if metrics not in (None, _metrics_at):
            raise WorkflowError(f"metrics can't be served at {metrics}: this process is connected already")
        return
    _set_default(metrics)
    _metrics_at, _done = metrics, True


def _concerns_people(record: logging.LogRecord) -> bool:
    """Return whether a log record matters to users. Activities that failed while the server was away run again."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError | BackendUnavailable)


def _set_default(metrics: str | None) -> None:
    from temporalio.runtime import (
        LogForwardingConfig,
        LoggingConfig,
        PrometheusConfig,
        Runtime,
        TelemetryConfig,
        TelemetryFilter,
    )

    for logger in (LOGGER, logging.getLogger("temporalio")):
        # Without a handler, Python prints warnings to standard error.
        logger.addHandler(logging.NullHandler())
    logging.getLogger("temporalio.activity").addFilter(_concerns_people)
    # By default the core prints to standard output, which is for results. Its warnings are about calls that are
    # retried; the Python part of the SDK logs what concerns workflows.
    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    quiet = LoggingConfig(filter=errors, forwarding=LogForwardingConfig(logger=LOGGER))
    served = None
    if metrics is not None:
        served = PrometheusConfig(
            bind_address=metrics, counters_total_suffix=True, unit_suffix=False, durations_as_seconds=True
        )
    try:
        Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet, metrics=served)))
    except (RuntimeError, ValueError) as error:
        if metrics is None:
            raise WorkflowError(f"the Temporal SDK was set up by another part of this program: {error}") from error
        raise WorkflowError(f"metrics can't be served at {metrics}: {error}", "--metrics 127.0.0.1:9464") from error
