"""Records of steps that were damaged: a start mark says at least that the step was started."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.execution.step_files import EXITED, STARTED, mark_name, read_exit, read_mark

DAMAGED = (
    b"",
    b"{",
    b"7",
    b'{"mark": 1}',
    b'{"boot": null}',
    b'{"\\ud800": 1}',
    b"[" * 10_000,
    b'{"note": 7}',
    b"\xff",
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_start_mark_says_that_the_step_was_started(tmp_path: Path, data: bytes) -> None:
    step = str(tmp_path / "01-run.1")
    Path(step + STARTED).write_bytes(data)
    mark = read_mark(step)
    assert mark is not None
    assert mark.mark == mark_name(step)


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_exit_record_is_none(tmp_path: Path, data: bytes) -> None:
    step = str(tmp_path / "01-run.1")
    Path(step + EXITED).write_bytes(data)
    assert read_exit(step) is None
