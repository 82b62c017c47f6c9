"""A dependency that is written below a task is read, however it is written, or named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

from penguin.orchestration.backend import BlueprintError

BELOW = [
    "  - Depends: A-1",
    "  - Depends on: A-1",
    "  - Dependencies: A-1",
    "  - Dependency: A-1",
    "  - Deps: A-1",
    "  - Blocked by: A-1",
    "  - Requires: A-1",
    "  - After: A-1",
    "  - depends_on: [A-1]",
    "  - depends: `A-1`",
    "  - **Depends:** A-1",
    "  - **Depends on**: A-1",
    "  - *Depends*: A-1",
    "  - __Depends__: A-1",
    "  - DEPENDS: A-1",
    "  - [ ] Depends: A-1",
    "  * Depends: A-1",
    "  1. Depends: A-1",
    "  Depends: A-1",
    "  **Dependencies:** A-1",
    "\n  Depends: A-1",
    "  - Depends:\n    - A-1",
    "  - **Dependencies:**\n    - `A-1` the first one",
    "  - Depends:\n    A-1",
    "\n  **Depends on:**\n  - A-1",
    "  - Depends:\n    - [ ] A-1",
    "  - Size: small\n  - Depends: A-1",
    "  Some prose.\n  Depends: A-1\n  More prose.",
]
INLINE = [
    "- [ ] A-2 Deploy (depends on A-1)",
    "- [ ] A-2 Deploy, depends on A-1",
    "- [ ] A-2 Deploy (blocked by A-1)",
    "- [ ] A-2 Deploy (Depends on: A-1)",
    "- [ ] A-2 Deploy [depends on A-1]",
    "- [ ] A-2 Deploy (requires A-1)",
    "- [ ] A-2 Deploy (after A-1)",
    "- [ ] A-2 Deploy (deps: A-1)",
]
NONE = ["  - Depends: none", "  - Dependencies: -", "  - **Depends on:** N/A"]


def dependencies(root: Path, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the dependencies of A-2, and the remarks on the source."""
    plan = plan_text(root, "todo.md", f"{text}\n- [ ] A-1 Build\n")
    (task,) = [task for task in plan.blueprint.tasks if task.id == "A-2"]
    return task.dependencies, tuple(note.text for note in plan.notes if note.line)


@pytest.mark.parametrize("line", BELOW)
def test_a_line_below_a_task(tmp_path: Path, line: str) -> None:
    assert dependencies(tmp_path, f"- [ ] A-2 Deploy\n{line}") == (("A-1",), ())


@pytest.mark.parametrize("line", INLINE)
def test_in_the_line_of_a_task(tmp_path: Path, line: str) -> None:
    assert dependencies(tmp_path, line) == (("A-1",), ())


@pytest.mark.parametrize("line", NONE)
def test_no_dependencies(tmp_path: Path, line: str) -> None:
    assert dependencies(tmp_path, f"- [ ] A-2 Deploy\n{line}") == ((), ())


def test_what_names_no_task_is_named(tmp_path: Path) -> None:
    found, notes = dependencies(tmp_path, "- [ ] A-2 Deploy\n  - Depends: the API team")
    assert found == ()
    assert notes == ("names no task of the file, and is kept as prose: - Depends: the API team",)


@pytest.mark.parametrize("line", ["  - Depends: A-99", "  Depends: A-99", "  - Blocked by:\n    - A-99"])
def test_an_unknown_task_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(BlueprintError, match="task A-2 depends on 'A-99', which the file does not contain"):
        dependencies(tmp_path, f"- [ ] A-2 Deploy\n{line}")


@pytest.mark.parametrize("line", ["\nDepends: A-1", "\n* Depends: A-1\n", "\n**Depends on:** A-1"])
def test_a_line_that_belongs_to_no_task_is_named(tmp_path: Path, line: str) -> None:
    found, notes = dependencies(tmp_path, f"- [ ] A-2 Deploy\n{line}\n")
    assert found == ()
    assert len(notes) == 1
    assert notes[0].startswith("names a dependency, but is not below a task: ")


def test_a_box_that_belongs_to_no_task_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlueprintError, match=r"todo\.md:2: is not below a task: Depends: A-1"):
        dependencies(tmp_path, "- [ ] A-2 Deploy\n- [ ] Depends: A-1")


def test_prose_is_no_dependency(tmp_path: Path) -> None:
    text = "- [ ] A-2 Deploy\n  - Requires Python 3.11\n  - After lunch we deploy A-1 again"
    assert dependencies(tmp_path, text) == ((), ())
