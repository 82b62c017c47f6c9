"""The desk: questions to the server from a thread, given up by who leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.client.client import Link
from penguin.orchestration.temporal.sync_client import Desk


@pytest.fixture
def desk(temporal_workspace: TemporalWorkspace) -> Iterator[Desk]:
    desk = Desk(Workspace(temporal_workspace.root), load_settings(temporal_workspace.root))
    desk.join()
    yield desk
    desk.close()


def test_who_leaves_waits_for_no_answer(desk: Desk) -> None:
    asking = threading.Event()

    async def endless(link: Link) -> None:
        asking.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as reading:
        asked = reading.submit(desk.ask, endless)
        assert asking.wait(30)
        desk.interrupt()
        with pytest.raises(BackendUnavailable, match="asked no further"):
            asked.result(30)


def test_who_leaves_asks_nothing_more(desk: Desk) -> None:
    async def answer(link: Link) -> int:
        return 42

    assert desk.ask(answer) == 42
    desk.interrupt()
    with pytest.raises(BackendUnavailable, match="asked no further"):
        desk.ask(answer)
