"""The prompt of IMPLEMENT: a template with `{{names}}`.

`prompts/implement.md` of the workspace replaces the built-in template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from penguin.orchestration.agents.adapter import Message
from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.core.definition import Definition, Gate, RecipeStep, Task
from penguin.orchestration.workflow_status import GATES

FOLDER = "prompts"
NAME = "implement.md"
OWN = Path(__file__).parent / FOLDER / NAME
LONGEST = 200_000
"""Characters at the end of a conversation to repeat, if an agent can't resume it."""
_PLACE = re.compile(r"\{\{\s*([A-Za-z_]*)\s*\}\}")
_EMPTY = re.compile(r"\n{3,}")


class PromptError(WorkflowError):
    """The template of the workspace can't be used."""

    code = "prompt"


def implement_prompt(
    workspace: Path,
    definition: Definition,
    *,
    feedback: Sequence[str] = (),
    evidence: str = "",
    conversation: Sequence[Message] = (),
) -> str:
    """Return the prompt of the agent of IMPLEMENT.

    `evidence` is the output of the gates that failed before. `conversation` is repeated if the agent can't resume it.
    Raises PromptError.
    """
    task = definition.task
    values: dict[str, Callable[[], str]] = {
        "task_id": lambda: task.id,
        "title": lambda: task.title,
        "description": lambda: task.description.strip(),
        "agent": lambda: _agent(task),
        "criteria": lambda: _criteria(task),
        "recipes": lambda: _recipes(task),
        "gates": lambda: _gates(definition),
        "feedback": lambda: _section("Feedback from the people you work for", "\n\n".join(feedback)),
        "evidence": lambda: _section("What failed so far", evidence),
        "conversation": lambda: _section("The conversation so far", transcript(conversation)),
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            names = ", ".join(values)
            raise PromptError(f"{FOLDER}/{NAME}: unknown name {match[0]}", f"known names: {names}")
        return values[match[1]]()

    return _EMPTY.sub("\n\n", _PLACE.sub(value, _template(workspace))).strip() + "\n"


def _template(workspace: Path) -> str:
    own = workspace / FOLDER / NAME
    try:
        return own.read_text(encoding="utf-8")
    except FileNotFoundError:
        return OWN.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{own} can't be read: {error}", "fix it or delete it") from error


def transcript(messages: Sequence[Message]) -> str:
    """Return a conversation as text; only its end if it is too long."""
    text = "\n\n".join(_message_text(message) for message in messages)
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"


def _message_text(message: Message) -> str:
    if message.get("role") == "tool":
        outcome = " failed" if message.get("failed") else ""
        return f"[{message.get('tool') or 'tool'}{outcome}] {message.get('input') or ''}\n{message.get('output') or ''}"
    return f"[{message.get('role')}] {message.get('text') or ''}"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text.strip()}" if text.strip() else ""


def _agent(task: Task) -> str:
    values = {
        "Role": task.agent_role,
        "Required tools": ", ".join(task.required_tools),
        "Skills": ", ".join(task.skills),
    }
    return _section("Your role", "\n".join(f"- {name}: {value}" for name, value in values.items() if value))


def _criteria(task: Task) -> str:
    lines = [
        f"- {criterion.text}" + (f"  (checked by: {criterion.check})" if criterion.check else "")
        for criterion in task.criteria
    ]
    return _section("Acceptance criteria", "\n".join(lines))


def _recipes(task: Task) -> str:
    parts = [f"### {recipe.name}\n\n" + "\n".join(map(_recipe_step, recipe.steps)) for recipe in task.recipes]
    return _section("How it will be used", "\n\n".join(parts))


def _recipe_step(step: RecipeStep) -> str:
    if step.kind == "http":
        return f"- {step.method} {step.source}"
    return f"```{step.kind}\n{step.source.rstrip()}\n```"


def _gates(definition: Definition) -> str:
    return "\n".join(_gate(definition.gates[phase], phase) for phase in GATES[1:])


def _gate(gate: Gate, phase: WorkflowPhase) -> str:
    if gate.skip:
        return f"- {phase}: skipped"
    what = [f"`{command.run.strip()}`" for command in gate.run]
    what += ["the recipes"] if gate.recipes else []
    what += ["the acceptance criteria"] if gate.criteria else []
    return f"- {phase}: {', '.join(what) or 'nothing'}"
