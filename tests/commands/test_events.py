"""The event stream if events are not available."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.backend import BackendUnavailable, WorkflowError
from penguin_commands.session import Session
from penguin_commands.wait_events import JsonEventStream

pytestmark = pytest.mark.anyio

IDS = ("ituv-a-000000", "ituv-b-000000", "ituv-c-000000")


class Mute:
    """A reader without histories."""

    def __init__(self, error: WorkflowError) -> None:
        self.error = error
        self.asked: set[str] = set()

    def history(self, workflow_id: str, *, after: int = 0) -> list[object]:
        self.asked.add(workflow_id)
        raise self.error

    def interrupt(self) -> None:
        """No process waits."""

    def close(self) -> None:
        """No backend is open."""


async def done() -> str:
    return "done"


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (WorkflowError("nobody can tell it"), set(IDS)),
        # An unreachable server would delay each of the other workflows, too.
        (BackendUnavailable("the server is gone"), set(IDS[:1])),
    ],
)
async def test_unreadable_events_are_reported_once(tmp_path: Path, error: WorkflowError, asked: set[str]) -> None:
    messages: list[str] = []
    session = Session(tmp_path, narrate=messages.append)
    session.__dict__["reader"] = mute = Mute(error)
    try:
        assert await JsonEventStream(session, lambda happened: None).stream_during(IDS, done()) == "done"
    finally:
        session.close()
    assert mute.asked == asked
    assert messages == [error.message]
