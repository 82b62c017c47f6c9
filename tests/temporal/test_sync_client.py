"""The shared connection: used from a thread, by several users, and interrupted by a shell that quits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.network import free_port
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.temporal.client.connection import ServerConnection
from penguin.orchestration.temporal.sync_client import SyncClient


@pytest.fixture
def desk(temporal_workspace: TemporalWorkspace) -> Iterator[SyncClient]:
    desk = SyncClient(Workspace(temporal_workspace.root), load_settings(temporal_workspace.root))
    desk.join()
    yield desk
    desk.close()


def test_who_leaves_waits_for_no_answer(desk: SyncClient) -> None:
    asking = threading.Event()

    async def endless(link: TemporalClient) -> None:
        asking.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as reading:
        asked = reading.submit(desk.ask, endless)
        assert asking.wait(30)
        desk.interrupt()
        with pytest.raises(BackendUnavailable, match="was cancelled"):
            asked.result(30)


def test_who_leaves_asks_nothing_more(desk: SyncClient) -> None:
    async def answer(link: TemporalClient) -> int:
        return 42

    assert desk.ask(answer) == 42
    desk.interrupt()
    with pytest.raises(BackendUnavailable, match="was cancelled"):
        desk.ask(answer)


@pytest.mark.anyio
async def test_users_share_one_connection_until_the_last_one_closes(
    desk: SyncClient, temporal_workspace: TemporalWorkspace
) -> None:
    settings = load_settings(temporal_workspace.root)
    desk.join()
    shared = await desk.connect(settings, may_start=False, narrate=print, metrics=None)
    assert desk.ask(_connection_of) is shared
    desk.close()
    assert desk.ask(_connection_of) is shared


@pytest.mark.anyio
async def test_settings_that_were_edited_count_for_the_next_attempt_to_connect(
    desk: SyncClient, temporal_workspace: TemporalWorkspace
) -> None:
    right = load_settings(temporal_workspace.root)
    temporal_workspace.configure(temporal={"address": f"127.0.0.1:{free_port()}", "auto_start": False})
    wrong = load_settings(temporal_workspace.root)
    with pytest.raises(BackendUnavailable):
        await desk.connect(wrong, may_start=False, narrate=print, metrics=None)
    connected = await desk.connect(right, may_start=False, narrate=print, metrics=None)
    assert connected.address == temporal_workspace.address
    assert desk.ask(_connection_of) is connected


async def _connection_of(link: TemporalClient) -> ServerConnection:
    return link.connection
