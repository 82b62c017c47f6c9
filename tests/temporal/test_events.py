"""`-o jsonl` on a server: the events of what is waited for, whoever runs it."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.program import Program
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.worker_process import WorkerProcesses

HELD = {"id": "held", "phases": {"test": {"run": ["until test -e go; do sleep 0.05; done"]}}}


@pytest.fixture
def penguin(temporal_workspace: TemporalWorkspace) -> Iterator[Program]:
    """In a workspace with a task that waits in TEST for a file."""
    temporal_workspace.tasks(HELD, "quick")
    yield Program(temporal_workspace.root)
    (temporal_workspace.root / "go").touch()


@pytest.fixture
def workers(
    temporal_workspace: TemporalWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(temporal_workspace.root, tmp_path_factory.mktemp("workers"))
    yield workers
    workers.close()


def event(process: subprocess.Popen[str]) -> str:
    """The kind of the next event that it tells."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return str(json.loads(line)["event"]["kind"])


def events_until(process: subprocess.Popen[str], kind: str) -> list[str]:
    """The kinds of the next events up to one of this kind."""
    kinds = [event(process)]
    while kinds[-1] != kind:
        kinds.append(event(process))
    return kinds


def ended(process: subprocess.Popen[str]) -> tuple[list[str], list[dict[str, Any]], str]:
    """The kinds of the events that it still told, its other documents, and what it narrated."""
    out, err = process.communicate(timeout=60)
    rows = [json.loads(line) for line in out.splitlines()]
    assert "Traceback" not in err
    return [row["event"]["kind"] for row in rows if "event" in row], [row for row in rows if "event" not in row], err


def kinds_of(penguin: Program, task: str) -> list[str]:
    """Of the events of its newest workflow."""
    (history,) = penguin("-o", "json", "-c", f"/workflow history {task}").documents
    return [event["kind"] for event in history["events"]]


def test_events_come_while_a_script_waits(penguin: Program) -> None:
    process = penguin.begin("-o", "jsonl", "-c", "/workflow start held --wait", "-c", "/workflow wait held")
    # The workflow can't go on before these lines were read.
    kinds = events_until(process, "AttemptStarted") + events_until(process, "AttemptStarted")
    assert kinds[0] == "Started"
    (penguin.folder / "go").touch()
    more, (waited, again, last), err = ended(process)
    assert process.returncode == 0
    assert more[-1] == "Completed"
    assert err.splitlines()[-1].endswith(" COMPLETED")
    assert waited["workflows"][0]["status"] == again["status"] == last["status"] == "COMPLETED"


def test_an_interrupt_hides_the_messages_of_the_server(penguin: Program) -> None:
    process = penguin.begin("-o", "jsonl", "-c", "/workflow start held --wait")
    events_until(process, "AttemptStarted")
    events_until(process, "AttemptStarted")
    process.send_signal(signal.SIGINT)
    _, _, err = ended(process)
    assert process.returncode == 130
    lines = [line for line in err.splitlines() if not line.startswith("ituv-held-")]
    assert [re.sub('[0-9a-f]{6}(?="?$)', "HEX", line) for line in lines] == [
        "interrupted",
        "  or cancel it: penguin workflow cancel ituv-held-HEX",
    ]


def test_each_event_is_printed_once(penguin: Program, workers: WorkerProcesses) -> None:
    workers.start()
    script = "/workflow start quick\n/workflow wait quick\n/workflow wait quick\n"
    ran = penguin("-o", "jsonl", script=script)
    assert ran.code == 0
    told = [row["event"] for row in ran.documents if "event" in row]
    assert [it["kind"] for it in told] == kinds_of(penguin, "quick")
    assert [it["seq"] for it in told] == sorted(it["seq"] for it in told)


def test_of_what_a_worker_runs_events_come_from_now_on_and_go_on_with_the_next_one(
    penguin: Program, workers: WorkerProcesses
) -> None:
    first = workers.start()
    penguin("--detach", "-c", "/workflow start held", "-c", "/workflow feedback held before")
    process = penguin.begin("-o", "jsonl", "-c", "/workflow wait held")
    while not select.select([process.stdout], [], [], 0)[0]:
        assert penguin("-c", "/workflow feedback held now").code == 0
    first.send_signal(signal.SIGKILL)
    first.wait()
    penguin("-c", "/workflow feedback held between")
    workers.start()
    (penguin.folder / "go").touch()
    told, (result,), _ = ended(process)
    assert process.returncode == 0
    assert "Started" not in told
    assert told == kinds_of(penguin, "held")[-len(told) :]
    assert told[-1] == "Completed"
    assert result["status"] == "COMPLETED"
