"""The Python API does what it promises, for a program of twenty lines against the example."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = EXAMPLES / "steer.py"


def test_a_program_starts_pauses_resumes_queries_cancels_retries_and_lists(tmp_path: Path) -> None:
    copy = tmp_path / "textkit"
    subprocess.run([EXAMPLES / "copy", copy], check=True)
    program = [sys.executable, os.fspath(PROGRAM), os.fspath(copy)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=180)
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "True PAUSED",
        "True COMPLETED",
        "100",
        "True CANCELLED",
        "COMPLETED",
        "IMPLEMENT PASSED",
        "TEST PASSED",
        "USE PASSED",
        "VERIFY PASSED",
        "lint-cleanup 100",
        "fix-word-count 100",
    ]
    assert ended.returncode == 0


def test_the_program_is_short() -> None:
    lines = [line for line in PROGRAM.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) - 1 <= 20, "its docstring aside"
