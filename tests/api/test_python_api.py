"""The Python API in a short program, on the example."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


UNCLOSED = """
import asyncio, sys
from penguin.orchestration import get_backend

async def main():
    backend = get_backend(workspace_path=".")
    print(await backend.start_workflow("a"))
    await asyncio.sleep(float(sys.argv[1]))

asyncio.run(main())
"""


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_program_can_end_without_closing(tmp_path: Path, seconds: float) -> None:
    """In a git repository, the engine has more to do."""
    (tmp_path / "penguin.yaml").write_text(
        "phases: {implement: {run: ['sleep 0.1; echo x > x']}, test: {run: 'true'}, use: skip, verify: skip}\n"
    )
    (tmp_path / "blueprints").mkdir()
    (tmp_path / "blueprints" / "a.yaml").write_text("items: [{id: a}]\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    program = [sys.executable, "-c", UNCLOSED, str(seconds)]
    ended = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    waiting = [sys.executable, "-m", "penguin_repl", "-c", "/workflow wait a"]
    worker = subprocess.Popen([sys.executable, "-m", "penguin_repl", "worker"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        waited = subprocess.run(waiting, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    finally:
        worker.terminate()
        worker.wait(30)
    assert waited.returncode == 0, waited.stderr


def test_the_program_is_short() -> None:
    lines = [line for line in PROGRAM.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) - 1 <= 20, "its docstring aside"
