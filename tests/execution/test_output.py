"""The output of steps: limits, byte counts, safe display, and memory use."""

from __future__ import annotations

import asyncio
import hashlib
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.execution.launcher.output import Output
from penguin.orchestration.execution.step_output import excerpt, printable_text


def memory(pid: int) -> int:
    """Return the maximum memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def test_huge_output_is_limited_and_uses_little_memory(workspace: AttemptWorkspace) -> None:
    flood = (
        "echo first; head -c 300000000 /dev/zero | tr '\\0' 'x'; echo last; touch done; "
        "while test -e done; do sleep 0.01; done"
    )

    async def scenario() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        attempt = await start_task(workspace.attempt(workspace.order(flood, max_output=1_000_000)))
        await wait_until_async((workspace.root / "done").exists, "the flood")
        (launcher,) = workspace.launchers()
        assert memory(launcher) < 50_000_000
        (workspace.root / "done").unlink()
        result = await attempt
        (step,) = result.steps
        assert result.verdict is Verdict.PASSED
        data = (workspace.root / (step.output or "")).read_bytes()
        assert 1_000_000 <= step.output_bytes == len(data) < 1_000_100
        assert data.startswith(b"first\nxxx")
        assert data.endswith(b"xxxlast\n")
        assert b"[penguin: 299000011 bytes omitted]" in data
        assert hashlib.sha256(data).hexdigest() == step.output_sha256
        assert len(step.excerpt.encode()) <= 4096
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < 50_000_000

    asyncio.run(scenario())


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(2, 60))
def test_the_first_and_the_last_half_are_kept(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], limit: int
) -> None:
    path = tmp_path_factory.mktemp("output") / "log"
    output = Output(str(path), limit)
    for part in parts:
        output.write(part)
    digest = output.close()
    whole, kept = b"".join(parts), path.read_bytes()
    assert (digest["total"], digest["kept"]) == (len(whole), len(kept))
    assert digest["sha256"] == hashlib.sha256(kept).hexdigest()
    if len(whole) <= limit:
        assert kept == whole
    else:
        half = limit // 2
        assert kept.startswith(whole[:half])
        assert kept.endswith(whole[-(limit - half) :])
        assert b"%d bytes omitted" % (len(whole) - limit) in kept
    assert list(path.parent.iterdir()) == [path]


@given(st.binary(max_size=20_000))
def test_an_excerpt_is_short_and_safe_for_a_terminal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("excerpt") / "log"
    path.write_bytes(data)
    shown = excerpt(path)
    assert len(shown.encode()) <= 4096
    assert all(char in "\n\t" or (char >= " " and not "\x7f" <= char <= "\x9f") for char in shown)


def test_colours_and_carriage_returns_are_removed() -> None:
    assert printable_text(b"\x1b[31mred\x1b[0m\r\n10%\r20%\x07 \xff") == "red\n10%\n20% ?"


def test_standard_error_is_part_of_the_output(workspace: AttemptWorkspace) -> None:
    result = workspace.run("echo out; echo err >&2")
    assert result.steps[0].excerpt == "out\nerr\n"
