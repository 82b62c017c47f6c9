"""Targets of records: rows of the database, files in `.penguin/`, payloads, snapshots, messages of a server."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import sqlite3
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.fuzz.mutation import ODD_VALUES, as_bytes, mutate_bytes, mutate_document, mutate_json, mutate_text
from tests.fuzz.sandbox import TASKS, WORKFLOWS, Sandbox
from tests.fuzz.targets import Target
from tests.store.stored_workflow import StoredWorkflow

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.signals import SIGNALS
from penguin.orchestration.execution.launcher.lease_reader import read_deadline
from penguin.orchestration.execution.step_files import read_exit, read_mark
from penguin.orchestration.files.workspace_key import read_key
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.temporal.client.memo import UnreadableMemo, decode_memo, describe_definition, encode_memo

READING = (
    *("/workflow list", "/workflow status quick", "/workflow history quick", "/workflow results quick"),
    *("/workflow logs quick", "/workflow diff quick", "/workflow artifacts quick", "/snapshot list", "/task ready"),
    *("/snapshot show s1", "/workflow list --sort updated --total", "/workflow status", "/task show quick"),
)
CHANGING = (
    "/workflow resume gated",
    "/workflow feedback after x",
    "/workflow retry quick --from test",
    "/workflow cancel wrong",
)
CHECKED = 4
"""How many of READING follow each change of a record."""
COLUMNS = {
    "event": ("data", "data", "data", "data", "kind", "at", "seq", "workflow_id"),
    "run": (
        *(
            "status",
            "phase",
            "created_at",
            "updated_at",
            "reason",
            "artifacts",
            "dependencies",
            "title",
            "attempt",
            "due_at",
        ),
        *(
            "usd",
            "tokens",
            "owner",
            "number",
            "task_id",
            "workflow_id",
            "isolation",
            "agents",
            "actor",
            "advice",
            "seq",
        ),
    ),
    "snapshot": ("created_at", "phase", "attempt", "agent", "messages", "bytes", "usd", "snapshot_id", "task_id"),
    "conversation": ("data",),
    "session_file": ("data", "name", "bytes"),
}
RUN = f".penguin/runs/{WORKFLOWS[0]}/1-implement"
FILES = {
    f"{RUN}/01-run.1.start.json": b'{"id": "x", "boot": "b", "note": {"talk": {"kind": "claude"}}}\n{"pid": 1}\n',
    f"{RUN}/01-run.1.exit.json": b'{"id": "x", "code": 0, "output": {"kept": 1, "total": 1, "sha256": ""}}',
    f"{RUN}/01-run.1.log": b'{"type": "assistant", "message": {"content": [{"type": "text", "text": "hi"}]}}\n',
    f"{RUN}/evidence.json": b'{"verdict": "PASSED", "steps": []}',
    f".penguin/runs/{WORKFLOWS[0]}/checkpoint.missing": b"start git: not found\n2-test x\n",
    ".penguin/workspace.key": b"0123456789abcdef0123456789abcdef\n",
    ".penguin/history": b"\n# 2024-01-01\n+/workflow list\n",
    ".penguin/engines/x": b"1 2 3\n",
    ".penguin/lease": b"boot 12.5\n",
}


# --- the database ---------------------------------------------------------------------------------------------------


def _database_edits(dice: Random) -> tuple[str, ...]:
    """Return changes of rows, each as JSON."""
    return tuple(json.dumps(_edit(dice)) for _ in range(dice.choice((1, 1, 2, 4))))


def _edit(dice: Random) -> dict[str, Any]:
    table = dice.choice(("event", "event", "event", "run", "run", "snapshot", "conversation", "session_file", ""))
    if not table:
        return {
            "at": dice.randrange(120_000),
            "bytes": base64.b64encode(dice.randbytes(dice.choice((1, 4, 100)))).decode(),
        }
    seed = dice.randrange(2**32)
    return {"table": table, "column": dice.choice(COLUMNS[table]), "row": dice.randrange(30), "seed": seed}


def _apply_edit(sandbox: Sandbox, edit: dict[str, Any]) -> None:
    db = sandbox.state / "penguin.db"
    if "bytes" in edit:
        with db.open("r+b") as file:
            file.seek(edit["at"])
            file.write(base64.b64decode(edit["bytes"]))
        return
    connection = sqlite3.connect(db, isolation_level=None)
    try:
        _change_row(connection, edit["table"], edit["column"], edit["row"], Random(edit["seed"]))
    except sqlite3.Error:
        # Another edit broke the file, or the value breaks a rule of the schema.
        return
    finally:
        connection.close()


def _change_row(connection: sqlite3.Connection, table: str, column: str, row: int, dice: Random) -> None:
    keys = {"event": ("workflow_id", "seq"), "session_file": ("snapshot_id", "name"), "run": ("workflow_id",)}
    key = keys.get(table, ("snapshot_id",))
    rows = connection.execute(f"SELECT {column}, {', '.join(key)} FROM {table}").fetchall()
    old, *which = rows[row % len(rows)]
    where = " AND ".join(f"{name} = ?" for name in key)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (_changed_value(dice, old), *which))


def _changed_value(dice: Random, old: Any) -> Any:
    if isinstance(old, bytes):
        return mutate_bytes(dice, old)
    if isinstance(old, str) and old[:1] in ("[", "{") and dice.random() < 0.9:
        return mutate_document(dice, json.loads(old))
    if isinstance(old, str) and dice.random() < 0.6:
        return mutate_text(dice, old).encode("utf-8", "replace").decode()
    odd = dice.choice(ODD_VALUES)
    if isinstance(odd, int | float) and not isinstance(odd, bool):
        return odd if abs(odd) < 2**63 else str(odd)
    return odd.encode("utf-8", "replace").decode() if isinstance(odd, str) else json.dumps(odd)


def _check_database(sandbox: Sandbox, edits: tuple[str, ...]) -> None:
    sandbox.dirty = True
    try:
        for edit in edits:
            _apply_edit(sandbox, json.loads(edit))
    except (ValueError, KeyError, TypeError):
        # The minimizer broke an edit.
        return
    _read_all(sandbox, len("".join(edits)))
    sandbox.run("check")
    sandbox.run("--detach", "-c", CHANGING[len("".join(edits)) % len(CHANGING)], may_start_git=True)


def _read_all(sandbox: Sandbox, number: int) -> None:
    for step in range(CHECKED):
        line = READING[(number * CHECKED + step) % len(READING)]
        sandbox.run("-o", ("text", "json")[number % 2], "-c", line, may_start_git=True)


# --- files ----------------------------------------------------------------------------------------------------------


def _state_file(dice: Random) -> tuple[str, str]:
    path, data = dice.choice(list(FILES.items()))
    return path, mutate_bytes(dice, data).decode("utf-8", "surrogateescape")


def _check_state_file(sandbox: Sandbox, named: tuple[str, str]) -> None:
    path, text = (*named, "", "")[:2]
    if path not in FILES:
        return
    file = sandbox.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(as_bytes(text))
    sandbox.dirty = True
    with sandbox.watch():
        step = str(sandbox.folder / RUN / "01-run.1")
        read_exit(step)
        read_mark(step)
        read_key(str(sandbox.state))
        read_deadline(str(sandbox.state / "lease"), "boot")
    for line in ("/workflow logs quick", "/workflow results quick", "/workflow diff quick", "/health"):
        sandbox.run("-c", line, may_start_git=True)
    sandbox.run("check")


# --- payloads -------------------------------------------------------------------------------------------------------

PAYLOADS: tuple[dict[str, Any], ...] = (
    {"message": "Use bcrypt", "by": "ann"},
    {"from": "test", "budget": {"usd": 5, "turns": 3}},
    {"now": True},
    {"by": "Ada", "note": "read", "tree": "t", "changed": ["a", "b"], "process": "1 sh"},
    {"file": "a.py", "line": 3, "why": ["x"]},
)


def _signal(dice: Random) -> tuple[str, str, str]:
    name = dice.choice((*SIGNALS, "inject_feedback", "", "x"))
    payload = mutate_json(dice, dice.choice(PAYLOADS))
    reference = dice.choice((*WORKFLOWS, *TASKS, "", "x\0", "\ud800"))
    return name, json.dumps(payload), json.dumps(reference)


def _check_signal(sandbox: Sandbox, signal: tuple[str, ...]) -> None:
    try:
        name, payload, reference = signal[0], json.loads(signal[1]), json.loads(signal[2])
    except (ValueError, IndexError, RecursionError):
        return
    sandbox.dirty = True
    _in_backend(sandbox, lambda backend: backend.signal_workflow(reference, name, payload), git=True)
    sandbox.run("-c", "/workflow history after")


def _api_call(dice: Random) -> tuple[str, ...]:
    """Return a method and its arguments as JSON."""
    argument = dice.choice((*WORKFLOWS, *TASKS, *(odd for odd in ODD_VALUES if isinstance(odd, str))))
    config = mutate_json(dice, {"phase_timeouts": {"test": 5}, "retry": {"max_attempts": 2}, "phases": {"use": "skip"}})
    method = dice.choice(
        ("start_workflow", "get_workflow_status", "pause_workflow", "resume_workflow", "list_workflows")
    )
    method = dice.choice((method, "cancel_workflow", "retry_workflow", "query_workflow", "start_tasks"))
    return method, json.dumps(argument), json.dumps(config)


def _check_api_call(sandbox: Sandbox, call: tuple[str, ...]) -> None:
    try:
        method, argument, config = call[0], json.loads(call[1]), json.loads(call[2])
    except (ValueError, IndexError, RecursionError):
        return
    arguments: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "start_workflow": ((argument,), {"config": config}),
        "start_tasks": (([argument],), {"config": config}),
        "list_workflows": ((argument,), {}),
        "query_workflow": ((argument, "history"), {}),
    }
    positional, named = arguments.get(method, ((argument,), {}))
    if not isinstance(argument, str) or not hasattr(NativeBackend, method) or not isinstance(config, dict):
        return
    sandbox.dirty = True
    _in_backend(sandbox, lambda backend: getattr(backend, method)(*positional, **named), git=True)


def _in_backend(sandbox: Sandbox, call: Any, *, git: bool = False) -> None:
    async def run() -> None:
        async with NativeBackend(None, sandbox.folder) as backend:
            backend.claims = False
            try:
                await call(backend)
            except WorkflowError:
                return

    sandbox.may_start_git = git
    try:
        with sandbox.watch():
            asyncio.run(run())
    finally:
        sandbox.may_start_git = False


# --- snapshots ------------------------------------------------------------------------------------------------------

SNAPSHOT: dict[str, Any] = {
    "history": [{"role": "user", "text": "hello"}, {"role": "tool", "tool": "sh", "input": {"a": [1]}}],
    "metadata": {"usage": {"turns": 1, "usd": 0.5}, "x": [1, None]},
    "ids": ["s9", WORKFLOWS[0], "quick", "claude", "session"],
    "attempt": 1,
    "files": {"session.jsonl": "{}", "sub/x": "y"},
}


def _snapshot(dice: Random) -> str:
    return json.dumps(mutate_json(dice, SNAPSHOT))


def _check_snapshot(sandbox: Sandbox, text: str) -> None:
    try:
        given = {**SNAPSHOT, **json.loads(text)}
        ids = [str(one) for one in given["ids"]][:5]
        snapshot = ContextSnapshot(
            *(*ids[:2], given["history"], datetime(2024, 1, 1, tzinfo=UTC), ids[2], None, given["attempt"], *ids[3:5]),
            metadata=given["metadata"],
        )
        files = {str(name): str(data).encode("utf-8", "surrogatepass") for name, data in given["files"].items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return
    sandbox.dirty = True
    with sandbox.watch(), WorkflowStateStore(sandbox.state / "penguin.db") as store:
        try:
            store.save_context_snapshot(snapshot, files)
        except WorkflowError:
            return
        store.get_context_snapshot(snapshot.snapshot_id)
        store.list_context_snapshots()
    sandbox.run("-c", "/snapshot list")
    sandbox.run("-o", "json", "-c", f"/snapshot show {ids[0]}" if ids[0].isalnum() else "/snapshot show s")


# --- the messages of a server ---------------------------------------------------------------------------------------


@functools.cache
def _memo() -> tuple[Any, Any]:
    state = StoredWorkflow("quick").run().state
    assert state is not None
    return json.loads(encode_memo(1, state)), json.loads(describe_definition(state.definition))


def _server_memo(dice: Random) -> tuple[str, str]:
    summary, definition = _memo()
    if dice.random() < 0.5:
        return mutate_document(dice, summary), json.dumps(definition)
    return json.dumps(summary), mutate_document(dice, definition)


def _check_server_memo(sandbox: Sandbox, memo: tuple[str, str]) -> None:
    with sandbox.watch():
        try:
            decode_memo(*(*memo, "", "")[:2])
        except UnreadableMemo:
            return


TARGETS = (
    Target("database", _database_edits, _check_database, 10),
    Target("file in .penguin", _state_file, _check_state_file, 6),
    Target("signal", _signal, _check_signal, 6),
    Target("API call", _api_call, _check_api_call, 6),
    Target("snapshot", _snapshot, _check_snapshot, 5),
    Target("memo of a server", _server_memo, _check_server_memo, 8),
)
