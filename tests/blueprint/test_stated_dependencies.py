"""Sentences that state a dependency are read or named, in imports and blueprints; harmless sentences are not named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

from penguin.orchestration.blueprint.loader import parse_blueprint
from penguin.orchestration.config.document_checker import NOTE

IN_TITLES = [
    "Ship, once A-1 is merged",
    "Ship after A-1 lands",
    "Ship (blocked until A-1 lands)",
    "Ship when A-1 is done",
    "Ship as soon as A-1 is complete",
    "Ship until A-1 is done, wait",
    "Ship; builds on A-1",
    "Ship following A-1",
    "Ship (prereq A-1)",
    "Ship, waiting on A-1",
    "Ship, relies on A-1",
    "Ship on top of A-1",
    "Ship [A-1 first]",
    "Ship — A-1 must be done first",
    "Ship blocked-by:A-1",
    "Ship, after #1",
    "Ship; depends on: A-1",
    "Ship — requires A-1",
    "Ship, pending A-1",
    "Ship, provided A-1 is done",
    "Ship with A-1 as prerequisite",
    "Ship (Abhängig von A-1)",
    "Ship (dépend de A-1)",
    "Ship (depende de A-1)",
    "Ship 依赖 A-1",
    "Ship (依存: A-1)",
    "Ship (зависит от A-1)",
]
BELOW_TASKS = [
    "Prereqs: A-1",
    "Waiting on: A-1",
    "Predecessors: A-1",
    "Start after: A-1",
    "Starts once A-1 is merged.",
    "Do this after A-1.",
    "Blocked until A-1 lands.",
    "Not before A-1 is done.",
    "Only start when A-1 is finished.",
    "A-1 must be finished first.",
    "A-1 must land before this.",
    "Needs the schema of A-1.",
    "Wait until A-1 is merged",
    "Cannot start until A-1 is deployed.",
    "Abhängig von: A-1",
    "Voraussetzung: A-1",
    "Hängt ab von A-1",
    "Dépend de : A-1",
    "Dépendances : A-1",
    "Depende de: A-1",
    "依赖: A-1",
    "依存関係: A-1",
    "Зависит от: A-1",
    "Upstream: A-1",
    "Gate: A-1",
    "Precondition: A-1",
    "This builds on A-1.",
    "Follows A-1.",
    "Follow-up to A-1",
    "Must come after A-1",
    "Comes after A-1 and A-2.",
    "Depends on #1",
    "Order: A-1 then A-3",
    "Relies on A-1",
    "Assumes A-1 is done",
    "Once A-1 and A-2 are in, start.",
    "Dependent tasks: A-1",
    "Starts when A-1 ends",
    "Hold until A-1",
    "Awaiting A-1",
    "Pending A-1",
    "Subsequent to A-1",
    "Prior: A-1",
    "Previous: A-1",
    "Needs output from A-1",
    "After completing A-1, do this",
    "If A-1 is done, start",
    "With A-1 done, deploy",
]
HARMLESS = [
    "See A-1 for the background.",
    "After lunch, A-1 and A-2 are reviewed.",
    "The tests of A-1 need a database.",
    "Users need to see what A-1 added.",
    "Not blocked by A-1.",
    "This no longer depends on A-1.",
    "A-1 and A-2 are independent of each other.",
    "Similar to A-1, but for orders.",
    "Copy the style of A-1.",
    "Fixes a bug that A-1 introduced.",
    "The name A-1 is used in the docs.",
    "Same owner as A-1.",
    "Revert this if A-1 causes trouble.",
    "Before release, read A-1 again.",
    "Whether A-1 is done does not matter.",
    "Run the migration once.",
    "Wait for the server to answer.",
    "The page needs a title.",
    "Requires Python 3.11.",
    "Depends on the weather.",
    "Blocks of code stay as they are.",
    "When the user clicks twice, nothing happens.",
    "Retry until the request succeeds.",
    "Once per day, the job runs.",
    "After the deploy, check the log.",
    "Dependencies are listed in package.json.",
    "The order of imports is kept.",
    "Follow the style guide.",
    "Previous versions used SQLite.",
    "Returns 404 when the order is unknown.",
    "Show the count after the title.",
    "Users waiting for a reply see a spinner.",
    "The blocker list is sorted.",
    "Needs review by Ada.",
    "Pending orders are shown first.",
    "When A-1 fails, show its error.",
    "If A-1 is enabled, hide the button.",
    "Use A-1 as the template.",
    "A-1 first added this column.",
    "Follows A-1's naming.",
    "We show A-1 and A-2 side by side.",
    "Given the id A-1, the page shows its title.",
    "Related: A-1",
    "See: A-1, A-2",
    "Epic: A-1",
    "Until then, A-1 stays as it is.",
    "It is not required that A-1 is done.",
    "The result should match A-1.",
    "Users must see the number of A-1 first in the list.",
    'The label reads "depends on A-1".',
    "Then the list shows A-1 and A-2.",
    "A-1 needs a rest.",
    "Rename A-1 to A-9 in the docs.",
    "Split out of A-1.",
    "Part of A-1.",
    "Moved here from A-1.",
    "Works with A-1 and without it.",
    "The API of A-1 is public.",
    "No need to wait for A-1.",
    "Nothing here blocks A-1.",
    "This can run in parallel with A-1.",
    "Independent of A-1.",
    "After the deploy of Friday, A-1 is forgotten.",
    "Add a form with name, mail and phone.",
]
OTHERS = "## Tasks\n\n- [ ] A-1 Build the schema\n- [ ] A-2 Write the API\n"
ITEMS = [{"id": "A-1", "title": "Build the schema"}, {"id": "A-2", "title": "Write the API"}]


def named_in_import(folder: Path, task: str) -> bool:
    """Return whether an import reads or names a dependency of the last task of a checklist."""
    plan = plan_text(folder, "todo.md", f"{OTHERS}{task}\n")
    return "A-1" in plan.blueprint.tasks[-1].dependencies or any(note.line >= 5 for note in plan.notes)


def named_in_markdown(folder: Path, task: str) -> bool:
    """Return whether the reader of Markdown reads or names a dependency of the last task."""
    blueprint = parse_blueprint(f"{OTHERS}{task}\n", "todo.md")
    problems = [it for it in blueprint.problems if it.severity != NOTE and it.line >= 5]
    return "A-1" in blueprint.tasks[-1].dependencies or bool(problems)


def named_in_data(title: str, description: str) -> bool:
    """Return whether a dependency in the text of a JSON blueprint is named."""
    items = [*ITEMS, {"id": "A-3", "title": title, "description": description}]
    return bool(parse_blueprint(json.dumps({"items": items}), "todo.json").problems)


READERS = pytest.mark.parametrize("is_named", [named_in_import, named_in_markdown])
Reader = Callable[[Path, str], bool]


@READERS
@pytest.mark.parametrize("title", IN_TITLES)
def test_a_title_that_states_a_dependency(tmp_path: Path, is_named: Reader, title: str) -> None:
    assert is_named(tmp_path, f"- [ ] A-3 {title}")


@READERS
@pytest.mark.parametrize("sentence", BELOW_TASKS)
def test_a_sentence_that_states_a_dependency(tmp_path: Path, is_named: Reader, sentence: str) -> None:
    assert is_named(tmp_path, f"- [ ] A-3 Ship\n  - {sentence}")
    assert is_named(tmp_path, f"- [ ] A-3 Ship\n\n  {sentence}")


@READERS
@pytest.mark.parametrize("sentence", HARMLESS)
def test_a_harmless_sentence(tmp_path: Path, is_named: Reader, sentence: str) -> None:
    assert not is_named(tmp_path, f"- [ ] A-3 Ship\n  - {sentence}")
    assert not is_named(tmp_path, f"- [ ] A-3 Ship\n\n  {sentence}")


@pytest.mark.parametrize("sentence", [*IN_TITLES, *BELOW_TASKS])
def test_a_text_in_json_that_states_a_dependency(sentence: str) -> None:
    assert named_in_data("Ship", sentence)
    assert named_in_data(sentence, "")


@pytest.mark.parametrize("sentence", HARMLESS)
def test_a_harmless_text_in_json(sentence: str) -> None:
    assert not named_in_data("Ship", sentence)
    assert not named_in_data(sentence, "")


def test_the_line_of_a_text_in_yaml() -> None:
    text = "items:\n  - id: A-1\n  - id: A-2\n    description: |\n      Ship it.\n\n      Starts once A-1 is merged.\n"
    (problem,) = parse_blueprint(text, "plan.yaml").problems
    assert (problem.line, "A-2 on A-1" in problem.message) == (7, True)


def test_unknown_keys_in_yaml_that_name_tasks() -> None:
    text = "items:\n  - id: A-1\n  - id: A-2\n    upstream: [A-1]\n    epic: A-1\n"
    assert [problem.line for problem in parse_blueprint(text, "plan.yaml").problems] == [4]


@pytest.mark.parametrize(
    "heading", ["## Phase 2 (depends on 1)", "## Phase 2\n\nDepends on Phase 1.", "## 2 (after A-1)"]
)
def test_a_section_that_depends_on_another_one(tmp_path: Path, heading: str) -> None:
    lines = f"# Plan\n\n## Phase 1\n\n- [ ] A-1 One\n\n{heading}\n\n- [ ] A-2 Two\n"
    read = lines + "  - Depends: A-1\n"
    stated = lines.index(heading.splitlines()[-1])
    line = lines.count("\n", 0, stated) + 1
    assert [it.line for it in parse_blueprint(lines, "todo.md").problems if it.severity != NOTE] == [line]
    assert not [it for it in parse_blueprint(read, "todo.md").problems if it.severity != NOTE]
    assert [it.line for it in plan_text(tmp_path, "todo.md", lines).notes if it.line] == [line]


@pytest.mark.parametrize("key", ["depends_on", "dependency_specs", "blocks", "acceptance_criteria"])
def test_a_key_of_tasks_at_the_top_of_a_document(key: str) -> None:
    text = f"items:\n  - id: A-1\n  - id: A-2\n{key}: [A-1]\n"
    assert [problem.line for problem in parse_blueprint(text, "plan.yaml").problems] == [4]
