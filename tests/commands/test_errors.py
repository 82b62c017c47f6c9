"""Exit codes of errors."""

from __future__ import annotations

import pytest

from penguin.orchestration.backend import BackendUnavailable, ConfigError, WaitTimeout, WorkflowNotFound
from penguin_commands.errors import StatusNotReached, UsageError, WorkflowWaitTimeout, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("x"), 1),
        (OSError("x"), 1),
        (ConfigError("x"), 1),
        (WorkflowNotFound("x"), 1),
        (UsageError("x"), 2),
        (BackendUnavailable("x"), 3),
        (WaitTimeout("x"), 4),
        (WorkflowWaitTimeout("x"), 4),
        (StatusNotReached("x"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert exit_code(error) == code
