"""The event stream if events are not available."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penguin.orchestration.backend import BackendUnavailable, WorkflowError
from penguin.orchestration.store.history import HistoryEntry
from penguin_commands.results.history import EventResult
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


class Growing:
    """A reader of one workflow, whose history grows."""

    def __init__(self) -> None:
        self.entries: list[HistoryEntry] = []

    def add(self, at: datetime) -> None:
        self.entries.append(HistoryEntry(len(self.entries) + 1, at, "Changed", "", {}))

    def find(self, ref: str, *, prefix: bool = False) -> str:
        return ref

    def history(self, workflow_id: str, *, after: int = 0) -> list[HistoryEntry]:
        return self.entries[after:]

    def interrupt(self) -> None:
        """No process waits."""

    def close(self) -> None:
        """No backend is open."""


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(), timedelta(hours=1)], ids=str)
async def test_the_clock_hides_no_event_of_a_workflow_that_was_changed(
    tmp_path: Path, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "warn_of_lost_workflows", lambda self: None)
    session = Session(tmp_path)
    reader = Growing()
    session.__dict__["reader"] = reader
    events: list[EventResult] = []
    session.event_stream = stream = JsonEventStream(session, events.append)
    reader.add(datetime.now(UTC))
    try:
        one = session.resolve(IDS[0])
        reader.add(datetime.now(UTC) + jump)
        session.track(one)
        await stream.stream_during([one], done())
        reader.add(datetime.now(UTC) + 2 * jump)
        await stream.stream_during([one], done())
    finally:
        session.close()
    assert [event.event.seq for event in events] == [2, 3]
