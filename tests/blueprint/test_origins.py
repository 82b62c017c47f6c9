"""Where the fields of a task come from, in each format."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.blueprint import load_blueprints
from penguin.orchestration.blueprint.origins import Field, task_fields
from penguin.orchestration.config import load_settings

CONFIG = """\
project: {id: shop}
phases:
  test: {run: [pytest -q], on_failure: implement}
orchestration:
  phase_timeouts: {use: 7}
"""
MARKDOWN = """\
---
id: b
skills: [sql]
ituv: {phase_timebox_sec: {test: 60}}
phases:
  use: skip
---
## Tasks

- [ ] A-1 First

### Second

- **ID:** A-2
- **Priority:** high
- **Dependencies:** A-1

Prose.

```yaml phases
test: {run: [make test]}
```

#### Acceptance Criteria

- [ ] one `check: true`
- [ ] two
"""
YAML = """\
project: other
items:
  - id: A-1
  - id: A-2
    depends_on:
      - A-1
    effort: 5
    recipe: [{shell: "true"}]
    owner: ada
"""
JSON = '{\n "items": [\n {"id": "A-2",\n  "title": "T",\n  "dependencies": ["A-1"]},\n {"id": "A-1"}]\n}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "blueprints").mkdir()
    return tmp_path


def fields_of(root: Path, name: str, text: str) -> dict[str, tuple[str, str]]:
    (root / "blueprints" / name).write_text(text)
    settings = load_settings(root)
    blueprints = load_blueprints(root, settings)
    item = blueprints.find("A-2")
    blueprint = blueprints.blueprint(item.task.path)
    fields: list[Field] = task_fields(item, blueprint, settings, root / blueprint.path)
    return {field.name: (field.value, field.origin.removeprefix(f"blueprints/{name}:")) for field in fields}


def test_markdown(root: Path) -> None:
    fields = fields_of(root, "b.md", MARKDOWN)
    assert fields["id"] == ("A-2", "14")
    assert fields["title"] == ("Second", "12")
    assert fields["project"] == ("shop", "penguin.yaml:1")
    assert fields["priority"] == ("high", "15")
    assert fields["effort"] == ("3", "default")
    assert fields["depends_on"] == ("A-1", "16")
    assert fields["description"] == ("Prose.", "18")
    assert fields["acceptance_criteria"] == ("2, 1 with a check", "26,27")
    assert fields["skills"] == ("sql", "3")
    assert fields["phases.test.run"] == ("make test", "21")
    assert fields["phases.test.on_failure"] == ("implement", "penguin.yaml:3")
    assert fields["phases.use.skip"] == ("yes", "6")
    assert fields["phases.verify.criteria"] == ("yes", "default")
    assert fields["ituv.phase_timebox_sec.test"] == ("60", "4")
    assert fields["ituv.phase_timebox_sec.use"] == ("7", "penguin.yaml:5")


def test_yaml(root: Path) -> None:
    fields = fields_of(root, "b.yaml", YAML)
    assert fields["title"] == ("A-2", "the id")
    assert fields["project"] == ("other", "1")
    assert fields["depends_on"] == ("A-1", "6")
    assert fields["effort"] == ("5", "7")
    assert fields["recipe"] == ("A-2", "8")
    assert fields["metadata.owner"] == ("ada", "9")


def test_json(root: Path) -> None:
    fields = fields_of(root, "b.json", JSON)
    assert fields["title"] == ("T", "4")
    assert fields["depends_on"] == ("A-1", "5")
    assert fields["priority"] == ("medium", "default")


def test_an_id_made_from_the_title_and_the_task_of_a_validation(root: Path) -> None:
    text = "---\nid: v\n---\n## Tasks\n\n- [ ] A-2 One\n\n## Validation\n\n- [ ] all works\n"
    (root / "blueprints" / "v.md").write_text(text.replace("A-2 ", ""))
    settings = load_settings(root)
    blueprints = load_blueprints(root, settings)
    for name, expected in {"one": ("id", "the title"), "v-validation": ("depends_on", "all other tasks")}.items():
        item = blueprints.find(name)
        fields = task_fields(item, blueprints.blueprint("v"), settings, root / "blueprints/v.md")
        assert expected in [(field.name, field.origin) for field in fields]
