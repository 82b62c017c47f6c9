"""The payload codec: who has the key reads everything, who has it not reads nothing and has nothing run."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import WorkflowSerializationContext
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.support.temporal_server import temporal_settings
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.temporal.client.connection import connect
from penguin.orchestration.temporal.client.encryption import (
    ENCODING,
    KEY_VARIABLE,
    AesCodec,
    PayloadRefused,
    payload_key,
)

pytestmark = pytest.mark.anyio

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
SECRET = "the secret of this test"
ran: list[str] = []


@activity.defn
async def note(word: str) -> str:
    ran.append(word)
    if activity.info().attempt == 1:
        raise RuntimeError(SECRET)
    return f"noted {word}"


@workflow.defn
class Carrier:
    """Takes payloads every way there is."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, word: str) -> list[str]:
        told = await workflow.execute_activity(note, word, start_to_close_timeout=timedelta(seconds=5))
        workflow.upsert_memo({"state": SECRET})
        await workflow.wait_condition(lambda: len(self.heard) == 2)
        if word.endswith("once"):
            workflow.continue_as_new(f"{SECRET} twice")
        return [told, *self.heard]

    @workflow.signal
    def tell(self, word: str) -> None:
        self.heard.append(word)

    @workflow.update
    def ask(self, word: str) -> str:
        self.heard.append(word)
        return f"heard {word}"

    @workflow.query
    def recall(self, word: str) -> str:
        return f"{word}: {self.heard}"


async def client_with(root: Path, server: str, key: bytes | None) -> Client:
    environ = {} if key is None else {KEY_VARIABLE: key.hex()}
    return (await connect(temporal_settings(root, server), root, environ=environ)).client


def worker(client: Client, queue: str) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[Carrier],
        activities=[note],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


def failures_of(handle: WorkflowHandle[Any, Any]) -> Callable[[], Any]:
    async def look() -> list[str]:
        failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        events = [event async for event in handle.fetch_history_events() if event.event_type == failed]
        failures = [event.workflow_task_failed_event_attributes.failure for event in events]
        return [failure.application_failure_info.type for failure in failures]

    return look


async def test_with_one_key_everything_passes_and_the_server_sees_none_of_it(tmp_path: Path, server: str) -> None:
    client, name = await client_with(tmp_path, server, KEY), uuid.uuid4().hex
    async with worker(client, name):
        handle = await client.start_workflow(
            Carrier.run, f"{SECRET} once", id=name, task_queue=name, memo={"definition": SECRET}
        )
        for _ in range(2):
            await handle.signal(Carrier.tell, SECRET)
            assert await handle.execute_update(Carrier.ask, SECRET) == f"heard {SECRET}"
            assert SECRET in await handle.query(Carrier.recall, SECRET)
            run_id = (await handle.describe()).run_id
            await wait_until_async(lambda handle=handle, run_id=run_id: _over(handle, run_id))
        assert await handle.result() == [f"noted {SECRET} twice", SECRET, SECRET]
        assert await (await handle.describe()).memo() == {"definition": SECRET, "state": SECRET}
        listed = [await one.memo() async for one in client.list_workflows(f'WorkflowId="{name}"')]
        assert all(memo["definition"] == SECRET for memo in listed)
        for run in (handle.first_execution_run_id, run_id):
            history = await client.get_workflow_handle(name, run_id=run).fetch_history()
            raw = b"".join(event.SerializeToString() for event in history.events)
            assert SECRET.encode() not in raw
            assert ENCODING in raw


async def _over(handle: WorkflowHandle[Any, Any], run_id: str) -> bool:
    described = await handle.describe()
    return described.run_id != run_id or described.close_time is not None


@pytest.mark.parametrize("key", [None, OTHER])
async def test_a_worker_runs_nothing_that_was_not_written_with_its_key(
    tmp_path: Path, server: str, key: bytes | None
) -> None:
    stranger, client = await client_with(tmp_path, server, key), await client_with(tmp_path, server, KEY)
    name = uuid.uuid4().hex
    async with worker(client, name):
        handle = await stranger.start_workflow(Carrier.run, name, id=name, task_queue=name)
        assert set(await wait_until_async(failures_of(handle))) == {"PayloadRefused"}
        await handle.terminate()
    assert name not in ran


async def test_a_client_refuses_what_it_can_not_decrypt(tmp_path: Path, server: str) -> None:
    stranger, client = await client_with(tmp_path, server, None), await client_with(tmp_path, server, KEY)
    name = uuid.uuid4().hex
    plain = await stranger.start_workflow(Carrier.run, name, id=name, task_queue=name, memo={"definition": "forged"})
    with pytest.raises(PayloadRefused, match="not encrypted"):
        await (await client.get_workflow_handle(name).describe()).memo()
    await plain.terminate()


async def test_a_payload_copied_from_another_workflow_is_refused(tmp_path: Path, server: str) -> None:
    codec = AesCodec(KEY)
    mine, yours = (codec.with_context(WorkflowSerializationContext("penguin", name)) for name in ("ituv-a", "ituv-b"))
    [sealed] = await mine.encode([Payload(data=b"approve")])
    assert (await mine.decode([sealed]))[0].data == b"approve"
    with pytest.raises(PayloadRefused, match="belongs to another workflow"):
        await yours.decode([sealed])


@given(data=some.binary(max_size=5_000), at=some.integers(min_value=0), flip=some.integers(1, 255))
def test_what_is_altered_is_refused(data: bytes, at: int, flip: int) -> None:
    async def play() -> None:
        codec = AesCodec(KEY)
        [sealed] = await codec.encode([Payload(metadata={"encoding": b"json/plain"}, data=data)])
        assert (await codec.decode([sealed]))[0].data == data
        altered = bytearray(sealed.data)
        altered[at % len(altered)] ^= flip
        forged = Payload(metadata=sealed.metadata, data=bytes(altered))
        with pytest.raises(PayloadRefused):
            await codec.decode([forged])

    asyncio.run(play())


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f" {KEY.hex()}\n",
    ],
)
def test_a_key_may_be_hex_or_base64(text: str) -> None:
    assert payload_key({KEY_VARIABLE: text}) == KEY


def test_no_key_is_no_key() -> None:
    assert payload_key({}) is None
    assert payload_key({KEY_VARIABLE: " "}) is None


@pytest.mark.parametrize("text", ["secret!", KEY.hex()[:-2], base64.b64encode(KEY[:16]).decode(), "a" * 63, "ä" * 32])
def test_a_bad_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="32 bytes are needed") as caught:
        payload_key({KEY_VARIABLE: text})
    assert text not in caught.value.message
