"""Errors of activities that another worker takes over."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from penguin.orchestration.temporal.messages import DRAINING, MOVED, NOT_STARTED_HERE

RETRY_ELSEWHERE_DELAY = timedelta(seconds=2)
"""Delay before the next worker is asked, if the first one runs only what it started itself."""


class NotRunHere(ApplicationError):
    """Left to another worker. The SDK would log it as a failure, which it is not."""

    stored_type: ClassVar[str]
    """Its type in histories, by which workflows know it."""

    def __init__(self, message: str, *, next_retry_delay: timedelta | None = None) -> None:
        benign = ApplicationErrorCategory.BENIGN
        super().__init__(message, type=self.stored_type, next_retry_delay=next_retry_delay, category=benign)


class WorkerDraining(NotRunHere):
    """This worker is stopping: another one continues."""

    stored_type = DRAINING

    def __init__(self) -> None:
        super().__init__("the worker is stopping")


class NotStartedHere(NotRunHere):
    """This worker runs only what it started: another one may take it."""

    stored_type = NOT_STARTED_HERE

    def __init__(self) -> None:
        super().__init__("left for another worker", next_retry_delay=RETRY_ELSEWHERE_DELAY)


class WorktreeMoved(NotRunHere):
    """Another working tree owns the blueprint's files now."""

    stored_type = MOVED

    def __init__(self) -> None:
        super().__init__("another working tree owns the files")
