"""The reader of a server: no question is answered from a cache that was not brought up to date."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal import reader as reader_module
from penguin.orchestration.temporal.reader import TemporalReader
from penguin.orchestration.temporal.sync_client import SyncClient
from penguin.orchestration.testing import scripted_phases

NOT_QUESTIONS = {"close", "interrupt"}
QUESTIONS = [
    name
    for name, _ in inspect.getmembers(TemporalReader, inspect.isfunction)
    if not name.startswith("_") and name not in NOT_QUESTIONS
]


class ReaderWithNewQuestion(TemporalReader):
    """A reader with a method that a later version adds."""

    def count(self) -> int:
        return int(self._rows("SELECT count(*) FROM run", ())[0][0])


@pytest.fixture
async def workflow_id(temporal_workspace: TemporalWorkspace) -> str:
    """An active workflow that no worker runs."""
    async with temporal_workspace.backend(temporal={"auto_start": False}) as backend:
        return await backend.start_workflow("a")


@pytest.fixture
def reader(temporal_workspace: TemporalWorkspace) -> Iterator[ReaderWithNewQuestion]:
    yield from _reader_of(temporal_workspace)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The questions that the server was asked; none of the answers counts as fresh."""
    asked: list[object] = []
    ask = SyncClient.ask

    def noted(sync_client: SyncClient, question: Any) -> Any:
        asked.append(question)
        return ask(sync_client, question)

    monkeypatch.setattr(SyncClient, "ask", noted)
    monkeypatch.setattr(reader_module, "FRESH", 0.0)
    return asked


def _reader_of(space: TemporalWorkspace) -> Iterator[ReaderWithNewQuestion]:
    reader = ReaderWithNewQuestion(Workspace(space.root), load_settings(space.root))
    yield reader
    reader.close()


@pytest.mark.anyio
@pytest.mark.parametrize("name", [*QUESTIONS, "count"])
async def test_every_question_asks_the_server_first(
    name: str,
    temporal_workspace: TemporalWorkspace,
    workflow_id: str,
    reader: ReaderWithNewQuestion,
    asked: list[object],
) -> None:
    values = {
        "workflow_id": workflow_id,
        "ref": workflow_id,
        "workflow_ids": [workflow_id],
        "entries": [(workflow_id, 1)],
        "project_id": temporal_workspace.project_id,
    }
    method = getattr(reader, name)
    needed = [it.name for it in inspect.signature(method).parameters.values() if it.default is it.empty]
    for _ in range(2):
        asked.clear()
        method(*(values[parameter] for parameter in needed))
        assert asked


@pytest.mark.anyio
async def test_a_folder_that_never_heard_of_a_workflow_knows_who_ran_it(
    temporal_workspace: TemporalWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with scripted_phases():
        async with temporal_workspace.backend() as backend:
            one = await backend.start_workflow("a")
            await backend.wait_workflow(one, 30)
    other = TemporalWorkspace(
        tmp_path_factory.mktemp("other"), temporal_workspace.address, temporal_workspace.project_id
    )
    here = socket.gethostname()
    for question, answer in (("host_of", here), ("attempt_hosts", dict.fromkeys(range(1, 5), here))):
        for reader in _reader_of(_without_cache(other)):
            assert getattr(reader, question)(one) == answer


def _without_cache(space: TemporalWorkspace) -> TemporalWorkspace:
    for file in Path(space.root, ".penguin", "temporal").glob("known-*"):
        file.unlink()
    return space
