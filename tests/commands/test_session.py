"""Commands in one session on one event loop, with scripted phases."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from penguin.orchestration.backend import WorkflowError, WorkflowInfo, WorkflowNotFound, WorkflowStatus
from penguin.orchestration.testing import scripted_phases
from penguin_commands.errors import StatusNotReached, UsageError, WorkflowWaitTimeout
from penguin_commands.execute import execute
from penguin_commands.grammar.declarations import Command
from penguin_commands.results.changes import ChangeResult, StartResult, WaitResult
from penguin_commands.results.ui_actions import ChainedResult
from penguin_commands.results.workflows import StatusResult, WorkflowTable
from penguin_commands.session import Session

CONFIG = "project: {id: shop}\nblueprints: [b.json]\norchestration: {retry: {max_attempts: 1}}\n"
BLUEPRINT = (
    '{"id": "b", "title": "B", "items": ['
    '{"id": "one", "title": "One"}, {"id": "two", "title": "Two", "depends_on": ["one"]}]}'
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "b.json").write_text(BLUEPRINT)
    return tmp_path


@asynccontextmanager
async def opened(workspace: Path, listener: Callable[[WorkflowInfo], None] | None = None) -> AsyncIterator[Session]:
    session = Session(workspace, by="ada", listener=listener)
    try:
        yield session
    finally:
        await session.aclose()


async def started(session: Session, line: str = "/workflow start one") -> str:
    result = await execute(session, line)
    assert isinstance(result, StartResult)
    return result.workflows[0][1]


def test_a_session_opens_nothing_by_itself(tmp_path: Path) -> None:
    session = Session(tmp_path)
    assert not session.backend_open
    session.close()
    assert not list(tmp_path.iterdir())


def test_a_login_name_can_be_any_bytes(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "a\udcffb")

    async def scenario() -> None:
        with scripted_phases({}):
            session = Session(workspace)
            one = await started(session)
            assert session.by == r"a\xffb"
            assert f"started by {session.by}" in session.reader.history(one)[0].text
            await session.aclose()

    asyncio.run(scenario())


def test_a_line_can_be_cancelled_while_its_command_is_loaded(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    loading, go_on, load = threading.Event(), threading.Event(), Command.load_handler

    def slowly(command: Command) -> Any:
        loading.set()
        assert go_on.wait(30)
        return load(command)

    async def scenario() -> None:
        async with opened(workspace) as session:
            line = asyncio.ensure_future(execute(session, "/workflow wait one"))
            await asyncio.to_thread(loading.wait, 30)
            line.cancel()
            await asyncio.wait({line})
            go_on.set()

    monkeypatch.setattr(Command, "load_handler", slowly)
    asyncio.run(scenario())
    gc.collect()
    # A coroutine that nothing awaited is a RuntimeWarning.
    assert [str(warning.message) for warning in recwarn if warning.category is RuntimeWarning] == []


def test_a_deleted_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(WorkflowError, match="the current folder no longer exists") as caught:
        Session().workspace  # noqa: B018
    assert caught.value.hint == "cd to an existing folder"


def test_ids_can_be_given_in_every_form(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}):
            async with opened(workspace) as session:
                with pytest.raises(WorkflowNotFound):
                    session.resolve("@last")
                first = await started(session)
                await execute(session, "/workflow wait one")
                second = await started(session)
                assert session.resolve("@last") == session.resolve("one") == second
                assert session.resolve(first) == first
                assert session.resolve(second[:-1], prefix=True) == second
                with pytest.raises(WorkflowNotFound):
                    session.resolve(second[:-1])
                with pytest.raises(UsageError):
                    session.resolve("@newest")
                assert session.tracked == [first, second]

    asyncio.run(scenario())


def test_cancelling_a_wait_does_not_stop_the_workflow(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}) as phases:
            phases.hold("TEST")
            async with opened(workspace) as session:
                await started(session)
                waiting = asyncio.ensure_future(execute(session, "/workflow wait one"))
                while session.info(session.resolve("one")).phase != "TEST":
                    await asyncio.sleep(0.01)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert session.info(session.resolve("one")).status is WorkflowStatus.RUNNING
                phases.release("TEST")
                result = await execute(session, "/workflow wait one")
                assert isinstance(result, WaitResult)
                assert result.workflows[0].status is WorkflowStatus.COMPLETED

    asyncio.run(scenario())


def test_start_with_wait_shows_the_start_first(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({"TEST": ["FAILED"]}):
            async with opened(workspace) as session:
                result = await execute(session, "/workflow start one --wait")
                assert isinstance(result, ChainedResult)
                assert isinstance(result.first, StartResult)
                with pytest.raises(StatusNotReached) as caught:
                    await result.then()
                assert caught.value.workflows[0].status is WorkflowStatus.BLOCKED
                assert "/workflow resume" in caught.value.hint

    asyncio.run(scenario())


def test_a_wait_can_time_out(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}) as phases:
            phases.hold("USE")
            async with opened(workspace) as session:
                await started(session)
                with pytest.raises(WorkflowWaitTimeout) as caught:
                    await execute(session, "/workflow wait one --timeout 0.05")
                assert caught.value.workflows[0].status is WorkflowStatus.RUNNING
                phases.release("USE")

    asyncio.run(scenario())


@pytest.mark.integration
def test_changes_are_recorded_with_the_name_of_the_session(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}) as phases:
            phases.hold("USE")
            async with opened(workspace) as session:
                await started(session)
                result = await execute(session, "/workflow pause one --now")
                assert isinstance(result, ChangeResult)
                assert result.info.status is WorkflowStatus.PAUSED
                await execute(session, "/workflow feedback one do it well")
                history = session.reader.history(session.resolve("one"))
                assert "paused by ada" in " ".join(entry.text for entry in history)
                assert history[-1].text == "feedback queued by ada: do it well"
                with pytest.raises(WorkflowError):
                    await execute(session, "/workflow approve one --by Ada")
                phases.release("USE")

    asyncio.run(scenario())


def test_the_listener_gets_every_phase(workspace: Path) -> None:
    async def scenario() -> None:
        changes: list[str] = []
        with scripted_phases({}):
            async with opened(workspace, lambda info: changes.append(f"{info.status} {info.phase}")) as session:
                await started(session)
                await execute(session, "/workflow wait one")
        phases = [text.split()[1] for text in changes if text.startswith("RUNNING")]
        assert phases == ["IMPLEMENT", "TEST", "USE", "VERIFY"]
        assert changes[-1] == "COMPLETED DONE"

    asyncio.run(scenario())


def test_status_without_an_id_shows_active_workflows_and_reasons(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}) as phases:
            phases.hold("USE")
            async with opened(workspace) as session:
                await started(session, "/workflow start two --with-deps")
                result = await execute(session, "/workflow status")
                assert isinstance(result, WorkflowTable)
                assert {info.task_id for info in result.workflows} == {"one", "two"}
                assert "waits for one" in result.explanations[session.resolve("two")]
                one = await execute(session, "/workflow status one")
                assert isinstance(one, StatusResult)
                assert one.info.task_id == "one"
                phases.release("USE")

    asyncio.run(scenario())


def test_a_detached_session_runs_nothing(workspace: Path) -> None:
    async def scenario() -> None:
        with scripted_phases({}) as phases:
            session = Session(workspace, detach=True)
            try:
                await started(session)
                assert session.info(session.resolve("one")).status is WorkflowStatus.PENDING
            finally:
                await session.aclose()
            assert not session.engine_alive()
            assert phases.calls == []

    asyncio.run(scenario())
