"""Errors of activities that another worker takes over."""

from __future__ import annotations

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

NOBODY = timedelta(seconds=2)
"""Between two workers that are asked, where the first runs only what it started itself."""


class NotRunHere(ApplicationError):
    """Left to another worker: no failure that anybody need hear of, as the SDK would otherwise have it."""

    def __init__(self, message: str, *, next_retry_delay: timedelta | None = None) -> None:
        benign = ApplicationErrorCategory.BENIGN
        super().__init__(message, type=type(self).__name__, next_retry_delay=next_retry_delay, category=benign)


class WorkerDraining(NotRunHere):
    """This worker stops: another one goes on."""

    def __init__(self) -> None:
        super().__init__("the worker is being stopped")


class NotStartedHere(NotRunHere):
    """This worker runs only what it started: another one may take it."""

    def __init__(self) -> None:
        super().__init__("left for another worker", next_retry_delay=NOBODY)
