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
def sync_client(temporal_workspace: TemporalWorkspace) -> Iterator[SyncClient]:
    sync_client = SyncClient(Workspace(temporal_workspace.root), load_settings(temporal_workspace.root))
    sync_client.join()
    yield sync_client
    sync_client.close()


def test_who_leaves_waits_for_no_answer(sync_client: SyncClient) -> None:
    asking = threading.Event()

    async def endless(link: TemporalClient) -> None:
        asking.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as reading:
        asked = reading.submit(sync_client.ask, endless)
        assert asking.wait(30)
        sync_client.interrupt()
        with pytest.raises(BackendUnavailable, match="was cancelled"):
            asked.result(30)


def test_who_leaves_asks_nothing_more(sync_client: SyncClient) -> None:
    async def answer(link: TemporalClient) -> int:
        return 42

    assert sync_client.ask(answer) == 42
    sync_client.interrupt()
    with pytest.raises(BackendUnavailable, match="was cancelled"):
        sync_client.ask(answer)


@pytest.mark.anyio
async def test_users_share_one_connection_until_the_last_one_closes(
    sync_client: SyncClient, temporal_workspace: TemporalWorkspace
) -> None:
    settings = load_settings(temporal_workspace.root)
    sync_client.join()
    shared = await sync_client.connect(settings, may_start=False, narrate=print, metrics=None)
    assert sync_client.ask(_connection_of) is shared
    sync_client.close()
    assert sync_client.ask(_connection_of) is shared


@pytest.mark.anyio
async def test_settings_that_were_edited_count_for_the_next_attempt_to_connect(
    sync_client: SyncClient, temporal_workspace: TemporalWorkspace
) -> None:
    right = load_settings(temporal_workspace.root)
    temporal_workspace.configure(temporal={"address": f"127.0.0.1:{free_port()}", "auto_start": False})
    wrong = load_settings(temporal_workspace.root)
    with pytest.raises(BackendUnavailable):
        await sync_client.connect(wrong, may_start=False, narrate=print, metrics=None)
    connected = await sync_client.connect(right, may_start=False, narrate=print, metrics=None)
    assert connected.address == temporal_workspace.address
    assert sync_client.ask(_connection_of) is connected


async def _connection_of(link: TemporalClient) -> ServerConnection:
    return link.connection
