"""Attempts in a workspace whose path is not UTF-8: files keep their names, and any store accepts the results."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import AttemptWorkspace
from tests.support.processes import kill
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import RecipeStep
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl
from penguin.orchestration.files.text_encoding import encode_storable, escape_undecodable, unescape_path
from penguin.orchestration.runtime.run_attempt import run_attempt

HOLD = "echo begun >> log; until test -e go; do sleep 0.01; done; echo ended >> log"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[AttemptWorkspace]:
    folder = tmp_path / os.fsdecode(b"caf\xe9 \xff")
    folder.mkdir()
    workspace = AttemptWorkspace(folder)
    yield workspace
    (workspace.root / "go").touch()
    kill(*workspace.launchers())


def test_the_result_of_an_attempt_can_be_stored(workspace: AttemptWorkspace) -> None:
    shell, python = RecipeStep(kind="shell", source="pwd"), RecipeStep(kind="python", source="print(1)")
    leave = 'touch "$PENGUIN_ARTIFACTS_DIR/$(printf "a\\351")"'
    order = workspace.order(leave, recipe=[shell, python])

    async def scenario() -> AttemptResult:
        phases = workspace.phases()
        try:
            return await run_attempt(phases, order, StopControl(), lambda problem: None)
        finally:
            await phases.aclose()

    result = asyncio.run(scenario())
    assert result.verdict is Verdict.PASSED
    assert msgspec.json.decode(msgspec.json.encode(result), type=AttemptResult) == result
    assert "/caf\\xe9 \\xff/workspace/.penguin/" in result.steps[1].argv[1]
    (artifact,) = result.artifacts
    assert artifact.endswith("/a\\xe9")
    assert not (workspace.root / artifact).exists()
    assert (workspace.root / unescape_path(artifact)).is_file()


def test_a_step_is_adopted_by_the_next_engine(workspace: AttemptWorkspace) -> None:
    order = workspace.order(HOLD)

    async def scenario() -> AttemptResult:
        await leave_running(workspace, order)
        second = asyncio.create_task(workspace.attempt(order, engine="two"))
        workspace.write("go", "")
        return await second

    assert asyncio.run(scenario()).verdict is Verdict.PASSED
    assert workspace.read("log") == "begun\nended\n"


async def leave_running(workspace: AttemptWorkspace, order: AttemptOrder) -> None:
    first = workspace.phases("one")
    running = asyncio.create_task(first.run(order, StopControl()))
    await wait_until_async(lambda: workspace.count("log"), "the step")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await first.aclose()


def test_a_launcher_that_was_killed_is_noted(workspace: AttemptWorkspace) -> None:
    order = workspace.order(HOLD)

    async def scenario() -> AttemptResult:
        running = asyncio.create_task(workspace.attempt(order))
        await wait_until_async(lambda: workspace.count("log"), "the step")
        kill(*workspace.launchers())
        workspace.write("go", "")
        return await running

    result = asyncio.run(scenario())
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
    (record,) = workspace.run_dir.glob("*.exit.json")
    ended = records.read_exit(str(record).removesuffix(records.EXITED))
    assert ended is not None
    assert (ended.id + records.EXITED, ended.why) == (str(record), records.CRASH)


@given(st.text(st.characters()))
def test_any_text_can_be_stored(text: str) -> None:
    found = escape_undecodable(text)
    found.encode()
    assert escape_undecodable(found) == found
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert found == text


@given(st.binary().filter(lambda name: b"\\x" not in name))
def test_the_original_path_is_found(name: bytes) -> None:
    assert os.fsencode(unescape_path(escape_undecodable(os.fsdecode(name)))) == name


def test_a_storable_result_is_not_copied() -> None:
    step = StepEvidence(name="é", kind="run", verdict=Verdict.FAILED, argv=("a", "b"), exit_code=1)
    result = AttemptResult(verdict=Verdict.FAILED, steps=(step,))
    assert encode_storable(result) is result
    halved = AttemptResult(verdict=Verdict.FAILED, reason="half a \ud83d", steps=(step,), artifacts=("\udcff",))
    expected = AttemptResult(verdict=Verdict.FAILED, reason="half a \\ud83d", steps=(step,), artifacts=("\\xff",))
    assert encode_storable(halved) == expected
