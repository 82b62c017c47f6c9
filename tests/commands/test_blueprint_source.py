"""`/blueprint show --source`: every line of the file, each with what it was read into."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin_commands.execute import execute
from penguin_commands.results.tasks import BlueprintSourceResult
from penguin_commands.session import Session

pytestmark = pytest.mark.anyio

FILES = {
    "list.md": "# Shop\n\n## Tasks\n\n- [ ] A-1 One\n  - [ ] A-2 Two\n  - Depends: A-3\n- [ ] A-3 Three\n\nText.\n",
    "heading.md": "## Tasks\n\n### One\n\n- **ID:** A-1\n\nProse.\n\n### Two\n\n- **ID:** A-2\n\n## Notes\n\nText.\n",
    "list.yaml": "title: T\nitems:\n  - id: A-1\n    title: One\n\n  - id: A-2\nproject: p\n",
    "list.json": '{"title": "T",\n "items": [\n  {"id": "A-1"},\n  {"id": "A-2"}\n ]\n}\n',
}
EXPECTED = {
    "list.md": {"A-1": [5, 7], "A-2": [6], "A-3": [8]},
    "heading.md": {"A-1": [3, 4, 5, 6, 7], "A-2": [9, 10, 11]},
    "list.yaml": {"A-1": [3, 4], "A-2": [6]},
    "list.json": {"A-1": [3], "A-2": [4, 5, 6]},
}


@pytest.mark.parametrize("name", FILES)
async def test_each_line_is_that_of_a_task_or_of_the_blueprint(tmp_path: Path, name: str) -> None:
    (tmp_path / "penguin.yaml").write_text(f"project: {{id: p}}\nblueprints: [{name}]\n")
    (tmp_path / name).write_text(FILES[name])
    result = await execute(Session(tmp_path), f"/blueprint show {Path(name).stem} --source")
    assert isinstance(result, BlueprintSourceResult)
    lines = FILES[name].rstrip("\n").split("\n")
    found: dict[str, list[int]] = {}
    for part in result.parts:
        assert part.lines == tuple(lines[part.first - 1 : part.first - 1 + len(part.lines)])
        found.setdefault(part.task_id, []).extend(range(part.first, part.first + len(part.lines)))
    shown = {number for numbers in found.values() for number in numbers}
    assert {number for number, line in enumerate(lines, 1) if line.strip()} <= shown
    for task_id, expected in EXPECTED[name].items():
        assert [number for number in found[task_id] if lines[number - 1].strip()] == [
            number for number in expected if lines[number - 1].strip()
        ]
