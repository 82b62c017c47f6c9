"""The addition of a task keeps every byte of the file and adds exactly that task, or writes nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint import read_blueprint
from penguin.orchestration.blueprint.edit.add_task import AddedTask, add_task, create_blueprint
from penguin.orchestration.blueprint.edit.new_task import NewTask
from penguin.orchestration.core.definition import PRIORITIES, Task

FULL = NewTask(
    "New", ("A-1",), (("greets", "sh greet.sh | grep -q `whoami`"), ("is kind", None)), ("echo 1\necho 2",), "high"
)

FILES = {
    "list.md": """\
---
id: shop
---
# Shop

Text before.

## Tasks

- [ ] A-1 First {priority=low}
  - Acceptance: works `check: true`
- [x] A-2 Second
  - Depends: A-1

## Notes

Text after.
""",
    "numbered.md": "## Tasks\n\n1. [ ] A-1 First\n2. [ ] A-2 Second\n   - Depends: A-1\n",
    "loose.md": "## Tasks\n\n* [ ] A-1 First\n\n* [ ] A-2 Second\n\n  Prose.\n\nAfter.\n",
    "heading.md": """\
## Tasks

### 1. First

- **ID:** `A-1`

Prose with a block:

```text
## Tasks
```

### 2. Second

- **ID:** `A-2`
- **Dependencies:** `A-1`

#### Acceptance Criteria

- [ ] works `check: true`

## Usage Recipes

### try-it

```shell
true
```
""",
    "block.yaml": """\
# The backlog of the shop.
id: shop  # its id
items:
  # the first one
  - id: A-1
    title: 'First'   # a title
    description: |
      Text.

      # Not a comment.
  - id: A-2
    title: "Second"
    dependencies: [A-1]
    # the end of the second one
# after the tasks
recipes:
  try-it: [{shell: "true"}]
""",
    "flush.yaml": "items:\n- id: A-1\n  title: First\n\n- id: A-2\n  depends_on:\n  - A-1",
    "alias.yaml": "recipes: {r: &r [{shell: 'true'}]}\nitems:\n  - id: A-1\n  - id: A-2\n    recipe: *r\ntitle: T\n",
    "flow.yaml": "items:\n  - {id: A-1, title: First}\n  - {id: A-2, title: Second}\n",
    "inline.yaml": "items: [{id: A-1}, {id: A-2}] # two\n",
    "lines.yaml": "items: [\n  {id: A-1},\n  {id: A-2},\n]\n",
    "indented.json": """\
{
    "id": "shop",
    "items": [
        {
            "id": "A-1",
            "title": "First \\ud83d\\ude00"
        },
        {
            "id": "A-2",
            "depends_on": ["A-1"]
        }
    ],
    "title": "Shop"
}
""",
    "short.json": '{"items": [{"id": "A-1"}, {"id": "A-2"}]}',
    "tabs.json": '{\n\t"items": [\n\t\t{"id": "A-1"},\n\t\t{"id": "A-2"}\n\t]\n}\n',
}
"""A file of two tasks in each form: A-1, and A-2."""

EXPECTED = {
    "list.md": """\
- [x] A-2 Second
  - Depends: A-1
- [ ] A-3 New {priority=high}
  - Depends: A-1
""",
    "numbered.md": "   - Depends: A-1\n3. [ ] A-3 New {priority=high}\n   - Depends: A-1\n",
    "loose.md": "  Prose.\n\n* [ ] A-3 New {priority=high}\n  - Depends: A-1\n",
    "heading.md": """\
- [ ] works `check: true`

### 3. New

- **ID:** `A-3`
- **Priority:** high
- **Dependencies:** `A-1`
""",
    "block.yaml": """\
    # the end of the second one
  - id: A-3
    title: New
    priority: high
    dependencies: [A-1]
""",
    "flush.yaml": "  - A-1\n\n- id: A-3\n  title: New\n",
    "alias.yaml": "    recipe: *r\n  - id: A-3\n    title: New\n",
    "flow.yaml": "  - {id: A-3, title: New, priority: high, depends_on: [A-1], ",
    "inline.yaml": "{id: A-2}, {id: A-3, ",
    "lines.yaml": "  {id: A-2},\n  {id: A-3, ",
    "indented.json": '        },\n        {\n            "id": "A-3",\n            "title": "New",\n',
    "short.json": '{"id": "A-2"}, {"id": "A-3", "title": "New", ',
    "tabs.json": '\t\t{"id": "A-2"},\n\t\t{"id": "A-3", ',
}


def add(path: Path, task: NewTask) -> AddedTask:
    return add_task(path, path.name, "p", task, set())


def tasks_of(path: Path) -> dict[str, Task]:
    blueprint = read_blueprint(path, path.name, "p")
    assert not blueprint.problems
    return {task.id: task for task in blueprint.tasks}


@pytest.fixture(params=FILES)
def backlog(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_text(FILES[request.param])
    return path


def test_a_task_is_added_in_the_form_of_its_file(backlog: Path) -> None:
    before = tasks_of(backlog)
    added = add(backlog, FULL)
    assert added == AddedTask("A-3", read_blueprint(backlog, backlog.name).id, backlog.name, added.line)
    after = tasks_of(backlog)
    assert [*after] == ["A-1", "A-2", "A-3"]
    assert FULL.differences(after["A-3"]) == []
    assert {name: after[name].title for name in before} == {name: before[name].title for name in before}
    assert EXPECTED[backlog.name] in backlog.read_text()


def test_all_other_bytes_stay(backlog: Path) -> None:
    text = "\ufeff" + backlog.read_text().replace("\n", "\r\n")
    backlog.write_bytes(text.encode())
    add(backlog, NewTask("New"))
    written = backlog.read_bytes().decode()
    assert "\n" not in written.replace("\r\n", "")
    # The file is the old one with one text inserted, up to the line end that its last line may have lacked.
    extra = len(written) - len(text)
    start = next((place for place, char in enumerate(text) if written[place] != char), len(text))
    assert text[start:] == written[start + extra :]


def test_the_numbers_of_a_file_continue(tmp_path: Path) -> None:
    for ids, expected in {
        "T001 T002 T009": "T010",
        "1 2 3": "4",
        "shop.1 shop.2": "shop.3",
        "KEY-2": "KEY-3",
        "sha256": "a-new-one",
        "one two KEY-3": "a-new-one",
        "a-new-one b": "a-new-one-2",
    }.items():
        path = tmp_path / "ids.yaml"
        path.write_text("items: [" + ", ".join(f'{{id: "{name}"}}' for name in ids.split()) + "]")
        assert add(path, NewTask("A new one")).task_id == expected


def test_ids_that_are_made_from_titles_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "made.md"
    path.write_text("## Tasks\n\n- [ ] Write the reader\n- [ ] Write the writer\n")
    assert add(path, NewTask("Join them", ("write-the-reader",), priority="low")).task_id == "join-them"
    assert add(path, NewTask("A-1 looks like an id")).task_id == "a-1-looks-like-an-id"
    assert (
        path.read_text()
        == """\
## Tasks

- [ ] Write the reader
- [ ] Write the writer
- [ ] Join them {priority=low}
  - Depends: write-the-reader
- [ ] `a-1-looks-like-an-id` A-1 looks like an id
"""
    )


def test_a_task_is_added_before_the_validation_which_then_depends_on_it(tmp_path: Path) -> None:
    path = tmp_path / "list.md"
    path.write_text("## Tasks\n\n- [ ] A-1 One\n  - [ ] A-2 Two\n\n## Validation\n\n- [ ] works\n")
    add(path, NewTask("Three"))
    assert path.read_text().startswith("## Tasks\n\n- [ ] A-1 One\n  - [ ] A-2 Two\n- [ ] A-3 Three\n\n## Validation")
    assert tasks_of(path)["list-validation"].dependencies == ("A-1", "A-2", "A-3")


def test_an_unknown_task_that_others_depend_on_is_not_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("items:\n  - id: A-1\n    depends_on: [A-2]\n")
    assert add(path, NewTask("New")).task_id == "A-3"


def test_numbers_of_other_files_are_not_used_again(tmp_path: Path) -> None:
    path = tmp_path / "list.md"
    path.write_text(FILES["list.md"])
    assert add_task(path, "list.md", "p", NewTask("New"), {"A-7", "B-9"}).task_id == "A-8"


line = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)
hostile = st.text(st.sampled_from(" `{}=[]#|*_~<>-+.:!\"'\\1aZß漢\t\n\r\x1b\x85\u2028&%@,()"), min_size=1, max_size=12)
titles = st.one_of(
    hostile,
    line,
    st.sampled_from(
        [
            "[ ] A-9 Box",
            "# Heading #",
            "1. First",
            "Depends: A-1",
            "**ID:** `x`",
            "<!-- -->",
            "---",
            "```",
            "`check: true`",
        ]
    ),
)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=titles, criteria=st.lists(st.tuples(titles, st.none() | titles), max_size=2), command=titles | st.none())
@example(title="a {priority=low}", criteria=[], command=None)
@example(title="a\nb", criteria=[], command=None)
@example(title="x", criteria=[("`a", "``` `` `")], command="cat <<E\n```\n## x\nE")
def test_any_text_is_read_back_as_it_was_given_or_refused(
    tmp_path: Path, name: str, title: str, criteria: list[tuple[str, str | None]], command: str | None
) -> None:
    path = tmp_path / name
    path.write_text(FILES[name])
    task = NewTask(title, ("A-2",), tuple(criteria), (command,) if command else ())
    try:
        added = add(path, task)
    except BlueprintError:
        assert path.read_text() == FILES[name]
    else:
        tasks = tasks_of(path)
        assert [*tasks] == ["A-1", "A-2", added.task_id]
        assert task.differences(tasks[added.task_id]) == []
    assert [*tmp_path.iterdir()] == [path]


PLAIN_TITLES = [
    "漢字で書く",
    "a {b=c}",
    "`code` first",
    "# no heading",
    "1. one",
    "a | b",
    "Ends in #",
    "*both* _ways_",
    "{}",
]


@pytest.mark.parametrize("title", PLAIN_TITLES)
def test_a_printable_title_is_never_refused(backlog: Path, title: str) -> None:
    assert tasks_of(backlog).keys() == {"A-1", "A-2"}
    added = add(backlog, NewTask(title))
    assert tasks_of(backlog)[added.task_id].title == title


@pytest.mark.parametrize("title", ["two\nlines", "bell\a", "escape\x1b[31m", "\udc80", "", "  ", "a\u2028b"])
def test_a_title_that_is_not_a_line_is_refused(backlog: Path, title: str) -> None:
    before = backlog.read_bytes()
    with pytest.raises(BlueprintError, match="the title"):
        add(backlog, NewTask(title))
    assert backlog.read_bytes() == before


def test_a_file_with_errors_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.md"
    path.write_text(FILES["list.md"] + "\n## Tasks\n\n- [ ] A-1\n  - Priority: nonsense\n")
    before = path.read_bytes()
    with pytest.raises(BlueprintError, match="must be one of critical"):
        add(path, NewTask("New"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "# Title only\n"),
        ("b.md", "# T\n\n## Tasks\n\n## Notes\n\nText.\n"),
        ("c.yaml", "title: T\n"),
        ("d.yaml", "title: T\nitems:\n"),
        ("e.yaml", "items: [] # none yet\ntitle: T\n"),
        ("f.json", "{}"),
        ("g.json", '{\n  "title": "T",\n  "items": []\n}\n'),
        ("h.json", '{\n  "title": "T"\n}\n'),
    ],
)
def test_a_file_without_tasks_gets_its_first(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert add(path, NewTask("The first")).task_id == "the-first"
    assert add(path, NewTask("The second", ("the-first",))).task_id == "the-second"
    assert [*tasks_of(path)] == ["the-first", "the-second"]


@pytest.mark.parametrize("suffix", ["md", "yaml", "json"])
def test_a_new_file_is_created_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "blueprints" / f"tasks.{suffix}"
    added = create_blueprint(path, path.name, "p", NewTask("First", priority="low"), set())
    assert (added.created, added.blueprint_id) == (True, "tasks")
    assert tasks_of(path)["first"].priority == "low"
    with pytest.raises(BlueprintError, match="exists already"):
        create_blueprint(path, path.name, "p", NewTask("First"), set())


def test_concurrent_additions_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "list.md"
    path.write_text(FILES["list.md"])
    threads = [threading.Thread(target=add, args=(path, NewTask(f"From {number}"))) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(task.title for task in tasks_of(path).values() if task.title.startswith("From")) == [
        f"From {number}" for number in range(8)
    ]


def test_a_change_by_an_editor_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.md"
    path.write_text(FILES["list.md"])
    check = NewTask.differences

    def edit_meanwhile(task: NewTask, found: Task) -> list[str]:
        path.write_text(FILES["list.md"] + "Edited.\n")
        return check(task, found)

    monkeypatch.setattr(NewTask, "differences", edit_meanwhile)
    with pytest.raises(BlueprintError, match="changed while the task was added"):
        add(path, NewTask("New"))
    assert path.read_text() == FILES["list.md"] + "Edited.\n"


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target = tmp_path / "real" / "list.md"
    target.parent.mkdir()
    target.write_text(FILES["list.md"])
    target.chmod(0o664)
    link = tmp_path / "list.md"
    link.symlink_to(target)
    add(link, NewTask("New"))
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o664
    assert "A-3" in target.read_text()


@pytest.mark.parametrize("priority", PRIORITIES)
def test_every_priority_is_kept(backlog: Path, priority: str) -> None:
    add(backlog, NewTask("New", priority=priority))
    assert tasks_of(backlog)["A-3"].priority == priority
