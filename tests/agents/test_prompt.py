"""The prompt of IMPLEMENT."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from penguin.orchestration.agents.prompt import LONGEST, PromptError, implement_prompt, transcript
from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Criterion, Definition, Gate, GateCommand, Recipe, RecipeStep, Task
from penguin.orchestration.workflow_status import GATES


def definition(description: str = "Make {{title}} work.") -> Definition:
    task = Task(
        id="users",
        title="Users",
        description=description,
        criteria=(Criterion("Names are unique", check="make unique"), Criterion("It is kind")),
        recipes=(Recipe("try", (RecipeStep("shell", "users --demo"), RecipeStep("http", "http://x/y"))),),
    )
    gates = {phase: Gate() for phase in GATES} | {
        WorkflowPhase.TEST: Gate(run=(GateCommand("pytest -q"),)),
        WorkflowPhase.USE: Gate(recipes=True),
        WorkflowPhase.VERIFY: Gate(skip=True),
    }
    return Definition(task=task, gates=gates, timeouts={})


def test_the_built_in_prompt_contains_everything(tmp_path: Path) -> None:
    prompt = implement_prompt(
        tmp_path,
        definition(),
        feedback=["mind the gap"],
        evidence="TEST FAILED: 1 of 3",
        conversation=[
            {"role": "assistant", "text": "I wrote it."},
            {"role": "tool", "tool": "Bash", "input": "ls", "output": "users.py", "failed": True},
        ],
    )
    for words in (
        "# users: Users",
        # Task text is data: placeholders in it are not replaced.
        "Make {{title}} work.",
        "- Names are unique  (checked by: make unique)",
        "- It is kind",
        "users --demo",
        "GET http://x/y",
        "- TEST: `pytest -q`",
        "- USE: the recipes",
        "- VERIFY: skipped",
        "mind the gap",
        "TEST FAILED: 1 of 3",
        "I wrote it.",
        "[Bash failed] ls\nusers.py",
    ):
        assert words in prompt


def test_the_prompt_names_the_role_and_what_it_needs(tmp_path: Path) -> None:
    defined = definition()
    task = replace(defined.task, agent_role="qa", required_tools=("grep", "git"), skills=("python",))
    prompt = implement_prompt(tmp_path, replace(defined, task=task))
    assert "## Your role\n\n- Role: qa\n- Required tools: grep, git\n- Skills: python\n" in prompt
    assert "Your role" not in implement_prompt(tmp_path, defined)


def test_missing_parts_leave_no_heading(tmp_path: Path) -> None:
    prompt = implement_prompt(tmp_path, definition())
    assert "Feedback" not in prompt
    assert "failed so far" not in prompt
    assert "\n\n\n" not in prompt


def test_a_workspace_can_replace_the_template(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "implement.md").write_text("Do {{ task_id }}. {{feedback}}")
    assert implement_prompt(tmp_path, definition(), feedback=["hurry"]).startswith("Do users. ## Feedback")


def test_an_unknown_placeholder_is_named(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "implement.md").write_text("Do {{tusk}}")
    with pytest.raises(PromptError, match="tusk") as caught:
        implement_prompt(tmp_path, definition())
    assert "task_id" in caught.value.hint
    (tmp_path / "prompts" / "implement.md").write_bytes(b"\xff")
    with pytest.raises(PromptError, match="can't be read"):
        implement_prompt(tmp_path, definition())


def test_the_end_of_a_long_conversation_is_shown() -> None:
    prompt = transcript([{"role": "user", "text": "a" * LONGEST}, {"role": "assistant", "text": "the end"}])
    assert prompt.endswith("the end")
    assert len(prompt) == LONGEST + 1
