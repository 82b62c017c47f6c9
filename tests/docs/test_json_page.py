"""The output of `-o json` has the shapes of docs/json.md: a field that is removed or changes its type fails here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.docs.json_shapes import PAGE, Shape, differences, documents, errors, shapes
from tests.support.program import CONFIG, TASKS, Program

from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin_commands.errors import exit_code
from penguin_commands.grammar.declarations import ValueKind
from penguin_commands.grammar.json_export import JSON_VERSION
from penguin_commands.grammar.table import COMMANDS

SHAPES = shapes()
SCRIPT = (
    ("/workflow start quick --wait", "waited-start"),
    ("/workflow start person", "started"),
    ("/workflow wait person --for blocked", "workflows"),
    ("/workflow status person", "status"),
    ("/workflow status", "workflows"),
    ("/workflow list", "workflows"),
    ("/workflow list --total", "workflows"),
    ("/workflow history quick", "history"),
    ("/workflow results quick", "results"),
    ("/workflow artifacts quick", "artifacts"),
    ("/workflow logs quick", "logs"),
    ("/workflow diff quick", "diff"),
    ("/workflow report quick", "report"),
    ("/workflow report quick --html -", "report"),
    ("/workflow report quick --html quick.html", "report-file"),
    ("/workflow report person", "report"),
    ("/blueprint report", "blueprint-report"),
    ("/blueprint report basics --markdown basics-report.md", "report-file"),
    ("/workflow feedback person look", "changed"),
    ("/workflow approve person --by ada --note seen", "changed"),
    ("/workflow wait person", "workflows"),
    ("/workflow results person", "results"),
    ("/workflow retry quick --from implement", "started"),
    ("/workflow wait quick", "workflows"),
    ("/workflow results quick", "results"),
    ("/workflow start gated", "started"),
    ("/workflow pause gated --now", "changed"),
    ("/workflow resume gated", "changed"),
    ("/workflow results gated", "results"),
    ("/workflow cancel gated", "changed"),
    ("/workflow wait gated", "failure"),
    ("/blueprint list", "blueprints"),
    ("/blueprint board", "board"),
    ("/blueprint board basics", "board"),
    ("/blueprint show basics", "blueprint-shown"),
    ("/blueprint show basics --source", "blueprint-source"),
    ("/blueprint lint", "lint"),
    ("/task list", "tasks"),
    ("/task ready", "tasks"),
    ("/task show used", "task-shown"),
    ("/task graph", "graph"),
    ("/task add Extra --depends used --check true", "task-added"),
    ("/snapshot list", "snapshots"),
    ("/snapshot show talk-1", "conversation"),
    ("/snapshot show talk-1 --raw", "raw-conversation"),
    ("/snapshot export talk-1", "exported"),
    ("/health", "health"),
    ("/config", "settings"),
    ("/workflow prune --older-than 0s", "pruned"),
    ("/backup copy.db", "backup"),
    ("/help", "commands"),
    ("/help workflow retry", "commands"),
    ("/workflow strat", "failure"),
    ("/quit", "message"),
)
"""Commands, and the shapes of their documents."""
LINES = (
    (("help",), "program-help"),
    (("help", "workflow", "retry"), "commands"),
    (("help", "worker"), "subcommand-help"),
    (("init",), "initialized"),
    (("import", "prd.json"), "import-report"),
    (("check",), "check-report"),
    (("trust",), "trust-report"),
    (("nowhere.pen",), "failure"),
    (("--nope",), "failure"),
    (("--workspace", "nowhere", "-c", "/health"), "failure"),
)
"""Command lines, and the shapes of their documents."""
WITHOUT = {"/source", "/watch", "/workflow watch"}
"""Commands without a document."""
USED = """\
### 6. Used
- **ID:** `used`
#### Recipe: try-it
```shell
true
```
"""


@pytest.fixture(scope="module")
def penguin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("json")
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    config = CONFIG.replace("run: [echo done]", "run: ['echo done > \"$PENGUIN_ARTIFACTS_DIR/a\"; echo >> b']")
    (folder / "penguin.yaml").write_text(config)
    (folder / "tasks.md").write_text(TASKS + USED)
    story = {"id": "US-1", "title": "Show", "passes": True, "notes": "", "effort": 2}
    (folder / "prd.json").write_text(json.dumps({"userStories": [story], "branchName": "x"}))
    talk = [{"role": "user", "text": "hello"}, {"role": "tool", "tool": "sh", "failed": True, "output": "no"}]
    with WorkflowStateStore(folder / ".penguin" / "penguin.db") as store:
        snapshot = ContextSnapshot("talk-1", "ituv-x-000000", talk, datetime(2024, 1, 1), phase=WorkflowPhase.IMPLEMENT)
        store.save_context_snapshot(snapshot, {"7f.jsonl": b"{}\n"})
    yield Program(folder)
    (folder / "go").touch()


def shape_differences(shape: str, document: object) -> list[str]:
    return list(differences(SHAPES, shape, document))


def test_every_command_prints_the_documented_shape(penguin: Program) -> None:
    ran = penguin("-o", "json", "--keep-going", script="\n".join(line for line, _ in SCRIPT))
    assert len(ran.documents) == len(SCRIPT), ran.err
    for (line, shape), document in zip(SCRIPT, ran.documents, strict=True):
        assert (line, shape_differences(shape, document)) == (line, [])


def test_every_subcommand_prints_the_documented_shape(penguin: Program) -> None:
    for line, shape in LINES:
        (document,) = penguin("-o", "json", *line).documents
        assert (line, shape_differences(shape, document)) == (line, [])
        if shape == "failure":
            assert all(penguin(option, *line).documents == [document] for option in ("--output=json", "-ojsonl"))
    assert penguin("-o", "json", "help").documents[0]["json_version"] == JSON_VERSION


def test_a_failure_is_a_document_outside_of_a_workspace_too(tmp_path: Path) -> None:
    nowhere = Program(tmp_path)
    for line in (("check",), ("worker", "--until-settled")):
        ran = nowhere("-o", "json", *line)
        assert ran.code == 1
        (document,) = ran.documents
        assert shape_differences("failure", document) == []
        assert ran.err == f"penguin: {document['error']['message']}; {document['error']['hint']}\n"
        assert nowhere(*line).out == ""


def test_events_have_the_documented_shape(penguin: Program) -> None:
    rows = penguin("-o", "jsonl", "-c", "/workflow start quick --wait").documents
    events = [row for row in rows if "event" in row]
    assert [shape_differences("event-line", row) for row in events] == [[]] * len(events)
    assert events[-1]["event"]["kind"] == "Completed"
    result, last = rows[len(events) :]
    assert shape_differences("waited-start", result) == []
    assert shape_differences("workflow", last) == []


def test_followed_output_has_the_documented_shape(penguin: Program) -> None:
    script = "/workflow start quick --wait\n/workflow logs quick -f --phase test\n"
    rows = penguin("-o", "jsonl", script=script).documents
    pieces = [row for row in rows if "output" in row]
    assert [shape_differences("output-line", row) for row in pieces] == [[]] * len(pieces)
    *_, log, last = rows
    assert pieces
    assert pieces[-1]["output"]["path"] == log["path"]
    assert shape_differences("log", log) == []
    assert shape_differences("workflow", last) == []


def test_each_command_is_on_the_page() -> None:
    known = documents()
    named = {re.sub(r" (?:ID|--wait)$", "", name) for name in known}
    assert {command.name for command in COMMANDS} - named - WITHOUT == set()
    assert set(known.values()) <= SHAPES.keys()
    assert {shape for _, shape in (*SCRIPT, *LINES)} == set(known.values()) | {"failure"}


def test_each_kind_of_value_is_on_the_page() -> None:
    (named,) = re.findall(r"^\| `kind` \| text \| one of: (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named.split(", ")) == {kind.value for kind in ValueKind}


def test_the_page_has_the_current_version() -> None:
    assert re.findall(r"\*\*version (\d+)\*\*", PAGE.read_text(encoding="utf-8")) == [str(JSON_VERSION)]


def every_error(kind: type[WorkflowError] = WorkflowError) -> Iterator[type[WorkflowError]]:
    yield kind
    for more in kind.__subclasses__():
        yield from every_error(more)


def test_every_failure_has_its_exit_code() -> None:
    promised = errors()
    for kind in every_error():
        assert promised.get(kind.code, 1) == exit_code(kind.__new__(kind)), kind
    assert promised["unexpected"] == exit_code(ValueError())
    assert promised["system"] == exit_code(OSError())


GONE = Shape({"a": "text", "b": "list of part", "c": "integer or null", "d": "text?"}, False)


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({"a": "x", "b": [{"e": 1}], "c": None}, 0),
        ({"a": "x", "b": [], "c": 3, "d": "y"}, 0),
        ({"b": [], "c": None}, 1),
        ({"a": 1, "b": [], "c": None}, 1),
        ({"a": "x", "b": {}, "c": True}, 2),
        ({"a": "x", "b": [{"e": "1"}, {}], "c": None}, 2),
        ({"a": "x", "b": [], "c": None, "new": 1}, 1),
    ],
)
def test_differences_are_found(document: object, wrong: int) -> None:
    known = {"whole": GONE, "part": Shape({"e": "integer"}, True)}
    assert len(list(differences(known, "whole", document))) == wrong
