"""A blueprint of 5,000 Markdown tasks: parsing, lint, and the list of ready tasks."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.clock import Figures
from penguin.orchestration.blueprint import load_blueprints
from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.blueprint.ready import ready_tasks
from penguin.orchestration.config import load_settings

TASKS = 5_000
SETTINGS = "project: {id: big}\nblueprints: [big.md]\nphases: {implement: {run: ['true']}}\n"
HEAD = "---\nid: big\ntitle: Big\n---\n## Tasks\n"
TASK = """
### {number}. Make part {number} of the report
- **ID:** `part-{number}`
- **Priority:** {priority}
- **Effort:** {effort}
- **Dependencies:** {dependencies}

Read what part {number} needs, and write it.

#### Acceptance Criteria
- [ ] The part is there
- [ ] It has a title `check: grep -q title part-{number}.txt`
"""


def text_of(tasks: int) -> str:
    """A blueprint in which every task depends on the one ten before it."""
    return HEAD + "".join(
        TASK.format(
            number=number,
            priority=("high", "medium", "low")[number % 3],
            effort=number % 5 + 1,
            dependencies=f"`part-{number - 10}`" if number >= 10 else "none",
        )
        for number in range(tasks)
    )


def measure(place: Path, quick: bool) -> Figures:
    place.mkdir(parents=True, exist_ok=True)
    (place / "penguin.yaml").write_text(SETTINGS)
    (place / "big.md").write_text(text_of(500 if quick else TASKS))
    begun = time.perf_counter()
    settings = load_settings(place)
    blueprints = load_blueprints(place, settings)
    parsed = time.perf_counter()
    problems = [problem for problem in lint(blueprints, settings) if problem.severity == "error"]
    linted = time.perf_counter()
    found = ready_tasks(blueprints.tasks(), completed=())
    done = time.perf_counter()
    if problems or len(found) != 10:
        raise RuntimeError(f"{len(found)} ready, {problems[:3]}")
    return {
        "blueprint.s": done - begun,
        "blueprint_parse.s": parsed - begun,
        "blueprint_lint.s": linted - parsed,
        "blueprint_ready.s": done - linted,
    }
