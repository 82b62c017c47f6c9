"""Saved conversations through the real program: list, show, export."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.render.sample_results import SNAPSHOT as ROW
from tests.render.sample_results import TALK
from tests.support.program import Program

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.store.queries import WorkflowReader
from penguin_commands.results import agent_snapshots as s
from penguin_repl.render import render

SESSION = b'{"type": "user"}\n{"type": "assistant", "text": "\xc3\xbc"}\n'
EVIL = "bad\x1b]0;title\x07\x1b[2J\u202e\r\nline\x9b31m"


@pytest.mark.parametrize(
    "result",
    [
        s.SnapshotTable((ROW._replace(agent=EVIL),)),
        s.ConversationResult(
            ROW._replace(session_id=EVIL, task_id=EVIL),
            [{"role": EVIL, "tool": EVIL, "text": EVIL, EVIL: EVIL}],
            {},
            {EVIL: 1},
        ),
        s.RawConversationResult("s", ((EVIL, EVIL.encode()),)),
    ],
    ids=lambda result: type(result).__name__,
)
def test_a_conversation_cannot_control_the_terminal(result: Any) -> None:
    shown = render(result, terminal=True, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert "\\x1b" in shown


# --- the program ----------------------------------------------------------------------------------------------------


@pytest.fixture
def talked(penguin: Program) -> Program:
    """Run penguin in a workspace with two conversations of a workflow, and one of an unknown workflow."""
    penguin("-c", "/workflow start quick")
    started = workflow(penguin)
    with WorkflowStateStore(penguin.folder / ".penguin" / "penguin.db") as store:
        for number, files in ((1, {"7f3a.jsonl": SESSION}), (2, {"b/2.jsonl": b"two", "a.jsonl": b"one"})):
            at = datetime(2024, 1, 15, tzinfo=UTC) + timedelta(days=number)
            snapshot = ContextSnapshot(
                f"{started}-{number}", started, TALK, at, "quick", WorkflowPhase.IMPLEMENT, number
            )
            store.save_context_snapshot(snapshot, files)
        store.save_context_snapshot(ContextSnapshot("mine", "my-own", TALK[:1], datetime(2024, 1, 1)))
    return penguin


def workflow(penguin: Program) -> str:
    """The newest snapshot of the task."""
    reader = WorkflowReader(penguin.folder / ".penguin" / "penguin.db")
    try:
        return reader.find("quick")
    finally:
        reader.close()


def listed(penguin: Program, line: str) -> list[str]:
    (document,) = penguin("-o", "json", "-c", line).documents
    return [snapshot["snapshot_id"] for snapshot in document["snapshots"]]


def test_lists_are_filtered(talked: Program) -> None:
    first, second = f"{workflow(talked)}-1", f"{workflow(talked)}-2"
    assert listed(talked, "/snapshot list") == [second, first, "mine"]
    assert (
        listed(talked, f"/snapshot ls {workflow(talked)}") == listed(talked, "/snapshot list quick") == [second, first]
    )
    assert listed(talked, "/snapshot list my-own") == ["mine"]
    ran = talked("-c", "/snapshot list --limit 1")
    assert len(ran.out.splitlines()) == 2
    assert "the newest 1 are shown" in ran.err
    ran = talked("-c", "/snapshot list nonsense")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no workflow 'nonsense'" in ran.err


def test_a_snapshot_can_be_named_in_several_ways(talked: Program) -> None:
    first = talked("-o", "json", "-c", f"/snapshot show {workflow(talked)}-1").documents[0]
    assert first["conversation_history"] == TALK
    assert first["session_files"] == [{"name": "7f3a.jsonl", "bytes": len(SESSION)}]
    for ref, number in (("quick", 2), (workflow(talked), 2), (f"{workflow(talked)}-", None), ("my-own", 0), ("mi", 0)):
        ran = talked("-o", "json", "-c", f"/snapshot show {ref}")
        if number is None:
            assert "matches several snapshots" in ran.documents[0]["error"]["message"]
        else:
            assert ran.documents[0]["attempt"] == number
    ran = talked("-o", "json", "-c", "/snapshot show nothing")
    assert ran.code == 1
    assert ran.documents[0]["error"]["code"] == "snapshot_not_found"


def test_messages_that_are_not_objects_are_shown(penguin: Program) -> None:
    odd: list[Any] = ["just text", ["plain", 5, None, {"role": 5}], {"role": "user"}]
    with WorkflowStateStore(penguin.folder / ".penguin" / "penguin.db") as store:
        for number, history in enumerate(odd):
            store.save_context_snapshot(ContextSnapshot(f"s{number}", "w", history, datetime(2024, 1, 1)))
    assert "message:\n  just text\n" in penguin("-c", "/snapshot show s0").out
    assert penguin("-c", "/snapshot show s1").out.endswith("message:\n  plain\n\nmessage:\n  5\n\nmessage:\n\n5:\n")
    documents = penguin("-o", "json", script="/snapshot show s0\n/snapshot show s1\n/snapshot show s2").documents
    assert [document["conversation_history"] for document in documents] == [
        [{"text": "just text"}],
        [{"text": "plain"}, {"text": "5"}, {"text": ""}, {"role": 5}],
        [{"role": "user"}],
    ]


def test_raw_shows_the_stored_bytes(talked: Program) -> None:
    ran = talked("-c", f"/snapshot show {workflow(talked)}-1 --raw")
    assert (ran.out.encode(), ran.err) == (SESSION, "")
    ran = talked("-c", f"/snapshot show {workflow(talked)}-2 --raw")
    assert (ran.out, ran.err) == ("onetwo", "2 files, one after the other: a.jsonl, b/2.jsonl\n")
    assert json.loads(talked("-c", "/snapshot show mine --raw").out)["conversation_history"] == TALK[:1]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_exported_files_are_private_and_overwrite_nothing(talked: Program) -> None:
    folder = talked.folder
    ran = talked("-c", f"/snapshot export {workflow(talked)}-1")
    assert (ran.code, ran.out) == (0, "Exported 7f3a.jsonl to 7f3a.jsonl\n")
    assert (folder / "7f3a.jsonl").read_bytes() == SESSION
    assert mode(folder / "7f3a.jsonl") == 0o600
    (folder / "link").symlink_to("nowhere")
    for target in ("7f3a.jsonl", "link", "."):
        ran = talked("-c", f"/snapshot export {workflow(talked)}-1 {target}")
        assert (ran.code, ran.out) == (1, "")
        assert f"{target} exists; choose another name; nothing is overwritten" in ran.err
    assert not os.path.lexists(folder / "nowhere")
    ran = talked("-o", "json", "-c", f"/snapshot export {workflow(talked)}-2 out")
    assert [file["path"] for file in ran.documents[0]["files"]] == ["out/a.jsonl", "out/b/2.jsonl"]
    assert (folder / "out" / "b" / "2.jsonl").read_bytes() == b"two"
    assert {mode(path) for path in (folder / "out").rglob("*")} == {0o600, 0o700}
    assert talked("-c", f"/snapshot export {workflow(talked)}-2 out").code == 1
    ran = talked("-c", "/snapshot export mine")
    assert (ran.code, ran.out) == (1, "")
    assert "mine has no files of its agent; /snapshot show mine --raw" in ran.err
    # Changing commands accept no prefix.
    assert talked("-c", "/snapshot export mi").code == 1


def test_reading_snapshots_creates_no_file(penguin: Program) -> None:
    assert penguin("-c", "/snapshot list").out == "No snapshots.\n"
    assert penguin("-c", "/snapshot show x").code == 1
    assert not (penguin.folder / ".penguin" / "penguin.db").exists()


def test_a_resume_can_raise_the_budget(penguin: Program) -> None:
    penguin("-c", "/workflow start person --wait")
    ran = penguin("-o", "json", "-c", "/workflow resume person --budget usd=5,turns=20 --budget usd=1")
    assert (ran.code, ran.documents[0]["error"]["message"]) == (2, "--budget: a unit was given more than once")
    penguin("-c", "/workflow resume person --budget usd=5,turns=20 --budget minutes=1.5")
    events = penguin("-o", "json", "-c", "/workflow history person").documents[0]["events"]
    (resumed,) = (event["data"] for event in events if event["kind"] == "Resumed")
    assert resumed["budget"] == {"turns": 20, "usd": 5.0, "tokens": None, "minutes": 1.5}
