"""The work of an agent in the panel, the full-screen view, the logs and the results; and the last failure."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from tests.shell.test_view import started, watch
from tests.support.shell_session import ShellSession, run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_commands.handlers.agent_output import recent_activities
from penguin_commands.results.output import Log
from penguin_repl.live import agent_work
from penguin_repl.live.agent_work import AgentWorkReader
from penguin_repl.live.view_keys import key_lines
from penguin_repl.output.screen import Screen, Style
from penguin_repl.output.step_output_printer import LogPrinter
from penguin_repl.text.activity_lines import activity_summary

pytestmark = pytest.mark.anyio

RECORDED = Path(__file__).parents[1] / "agents" / "recorded" / "claude-ok.jsonl"
AGENT = """#!/bin/sh
cat > prompt
head -n 4 run.jsonl
while [ ! -e more ]; do sleep 0.02; done
echo changed > calc.py
tail -n +5 run.jsonl
"""
COMMAND = "$ python3 -c 'import calc; assert calc.add(2,3)==5' ; echo rc=$?"


@pytest.fixture
def agent_workspace(workspace: SampleWorkspace) -> SampleWorkspace:
    """A workspace whose agent prints what a real one printed, the second half once the file `more` exists."""
    program = workspace.write("bin/claude", AGENT)
    program.chmod(0o755)
    shutil.copy(RECORDED, workspace.root / "run.jsonl")
    path = f"{program.parent}:{os.environ['PATH']}"
    workspace.replace_settings(agents={"it": {"kind": "claude", "env": {"PATH": path}}})
    phases = {"implement": {"agent": "it"}, "test": {"run": ["grep -q changed calc.py && exec sleep 60"]}}
    workspace.tasks({"id": "auth", "title": "Log in", "phases": phases})
    return workspace


def assert_no_protocol(shell: ShellSession) -> None:
    text = shell.screen.text
    assert not any(word in text for word in ('"type"', "session_id", "toolu_", '{"'))


async def test_the_panel_and_the_view_show_what_an_agent_does(agent_workspace: SampleWorkspace) -> None:
    async with run_shell(agent_workspace.root, columns=150, rows=30) as shell:
        (workflow_id,) = await started(shell, "auth")
        await shell.enter("/watch on")
        await shell.wait_until(lambda: f"2002  {COMMAND}" in shell.screen.text)
        assert_no_protocol(shell)
        await watch(shell, f"/workflow watch {workflow_id}")
        await shell.see("output, 2 turns, 2002 tokens")
        await shell.see("claude 2.1.328, model claude-stub-1")
        await shell.see("write calc.py")
        await shell.see(COMMAND)
        assert_no_protocol(shell)
        shell.press("q")
        await shell.wait_until(lambda: not shell.screen.alternate and shell.typed == "")
        await shell.enter(f"/workflow results {workflow_id}")
        await shell.see("IMPLEMENT attempt 1: running, 2 turns, 2002 tokens so far")
        await shell.see(f"| {COMMAND}")
        assert_no_protocol(shell)
        await watch(shell, f"/workflow watch {workflow_id}")
        (agent_workspace.root / "more").touch()
        # The next phase has begun, so the output is that of its step.
        await shell.see("✓ agent it")
        shell.press("q")
        await shell.wait_until(lambda: not shell.screen.alternate and shell.typed == "")
        await shell.enter("/watch off")
        await shell.enter(f"/workflow logs {workflow_id} --phase implement")
        await shell.see("done (3 turns, 3150 tokens, $0.01)")
        assert "  AssertionError" in shell.screen.lines
        assert_no_protocol(shell)
        await shell.enter(f"/workflow results {workflow_id} --phase implement")
        await shell.see("| done (3 turns, 3150 tokens, $0.01)")
        assert_no_protocol(shell)
        await shell.enter(f"/workflow cancel {workflow_id}")
        await shell.see("CANCELLED")


@pytest.mark.parametrize(("delay", "status"), [(60, "RUNNING"), (0, "BLOCKED")])
async def test_the_last_failure_is_shown_while_nothing_runs(
    workspace: SampleWorkspace, delay: int, status: str
) -> None:
    retry = {"initial_delay_sec": delay, "max_attempts": 2 if delay else 1}
    workspace.configure(retry=retry)
    run = ["echo fine", "echo the first line; echo the cause; exit 3"]
    workspace.tasks({"id": "auth", "title": "Log in", "phases": {"test": {"run": run, "on_failure": "implement"}}})
    async with run_shell(workspace.root, columns=100, rows=30) as shell:
        await shell.enter("/workflow start auth")
        workflow_id = (await shell.status("auth", status)).workflow_id
        await watch(shell, f"/workflow watch {workflow_id}")
        await shell.see("last failure: TEST attempt 2")
        await shell.see("the first line\nthe cause\necho the first line; echo the cause; exit 3: exit 3: the cause")
        shell.press("q")
        await shell.wait_until(lambda: not shell.screen.alternate)
        await shell.enter(f"/workflow cancel {workflow_id}")
        await shell.see("CANCELLED")


@pytest.mark.parametrize(
    ("status", "keys"),
    [
        (WorkflowStatus.RUNNING, "↑↓ scroll · p pause · c cancel · l logs · q back"),
        (WorkflowStatus.PAUSED, "↑↓ scroll · r resume · c cancel · l logs · q back"),
        (WorkflowStatus.BLOCKED, "↑↓ scroll · r resume · c cancel · l logs · q back"),
        (WorkflowStatus.COMPLETED, "↑↓ scroll · l logs · q back"),
        (None, "↑↓ scroll · q back"),
    ],
)
def test_only_legal_keys_are_offered(status: WorkflowStatus | None, keys: str) -> None:
    lines = key_lines(status, shows_list=False, shows_logs=False)
    assert lines[0] == keys
    assert lines[-1] == "q back"
    assert [len(line) for line in lines] == sorted(map(len, lines), reverse=True)


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        (Style(), "write calc.py\n"),
        (Style(terminal=True), "write calc.py\n"),
        (Style(terminal=True, color=True), "write \x1b[0m\x1b["),
    ],
)
def test_logs_have_styles_on_a_terminal_with_colors(tmp_path: Path, style: Style, shown: str) -> None:
    path = output(tmp_path, RECORDED.read_bytes())
    out = io.StringIO()
    printer = LogPrinter(Screen(style, out))
    printer.write(Log("IMPLEMENT", 1, "agent it", "run.log", str(path)), path.read_bytes())
    printer.finish()
    assert shown in out.getvalue()
    assert out.getvalue().endswith("\n")


def test_an_excerpt_of_an_agent_on_another_host_shows_no_protocol(tmp_path: Path) -> None:
    recorded = RECORDED.read_text()
    excerpt = f"{recorded[:1500]}\n… 9999 bytes …\n{recorded[-2400:]}"
    out = io.StringIO()
    printer = LogPrinter(Screen(Style(), out))
    log = Log("IMPLEMENT", 1, "agent it", "run.log", "", excerpt=excerpt, note="on hut", agent="claude")
    printer.write(log, log.excerpt_output)
    printer.finish()
    shown = out.getvalue().splitlines()
    assert shown[1:4] == [
        "[penguin: on hut]",
        "[penguin: 1 line of 1500 bytes can't be read; --raw shows them]",
        "… 9999 bytes …",
    ]
    assert shown[-1].startswith("done (")
    assert not any('"' in line for line in shown)
    step = {"kind": "agent", "argv": ["claude", "-p"], "output": "missing.log", "excerpt": excerpt, "verdict": "PASSED"}
    activities = recent_activities(tmp_path, step)
    assert activities is not None
    assert activity_summary(activities[-1]) == shown[-1]
    assert recent_activities(tmp_path, {**step, "kind": "run"}) is None


# --- reading outputs that grow ---


def output(folder: Path, content: bytes = b"") -> Path:
    path = folder / "01-agent-it.1.log"
    path.write_bytes(content)
    path.with_name("01-agent-it.1.start.json").write_text(json.dumps({"note": {"talk": {"kind": "claude"}}}))
    return path


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    lines = RECORDED.read_bytes().splitlines(keepends=True)
    path = output(tmp_path)
    reader = AgentWorkReader()
    seen = []
    for line in lines:
        half = len(line) // 2
        for piece in (line[:half], line[half:]):
            with path.open("ab") as file:
                file.write(piece)
            agent = reader.newest([str(path)])
            assert agent is not None
            seen.append(agent.now)
    assert list(dict.fromkeys(seen)) == [
        "",
        "claude 2.1.328, model claude-stub-1",
        "write calc.py",
        COMMAND,
        f"{COMMAND}: ok",
        "Implemented add in calc.py.",
        "done (3 turns, 3150 tokens, $0.01)",
    ]
    assert agent.usage.tokens == 3150
    path.unlink()
    again = reader.newest([str(path)])
    assert again is not None
    assert again.now.startswith("done")


def test_of_a_large_output_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_work, "MOST_NEW_BYTES", 10_000)
    agent = AgentWorkReader().newest([str(output(tmp_path, b"x" * 50_000 + b"\n" + RECORDED.read_bytes()))])
    assert agent is not None
    assert agent.now.startswith("done")
    # The result has the usage of the whole run.
    assert agent.usage.turns > 0


def test_the_events_come_before_the_warnings(tmp_path: Path) -> None:
    path = output(tmp_path, RECORDED.read_bytes())
    warnings = path.with_name("01-agent-it.1.err.log")
    warnings.write_text("warning\n")
    reader = AgentWorkReader()
    assert reader.newest([str(warnings), str(path)]) is not None
    assert reader.newest([str(warnings)]) is None
    assert reader.newest([]) is None
