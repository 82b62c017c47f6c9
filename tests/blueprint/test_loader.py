"""All blueprints of a workspace, and finding a task in them."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from penguin.orchestration.backend import BlueprintError, TaskNotFound
from penguin.orchestration.blueprint import (
    Blueprint,
    BlueprintSet,
    blueprint_cache,
    load_blueprints,
    loader,
    parse_blueprint,
)
from penguin.orchestration.config import load_settings


def library(root: Path, files: dict[str, str | bytes], config: str = "project: {id: shop}\n") -> BlueprintSet:
    root.mkdir(exist_ok=True)
    (root / "penguin.yaml").write_text(config)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_blueprints(root, load_settings(root, environ={}))


A = "## Tasks\n- [ ] `one` First\n- [ ] `two` Second\n"
B = "items: [{id: two}, {id: three}]\n"


def test_all_formats_are_found(tmp_path: Path) -> None:
    found = library(
        tmp_path, {"blueprints/b.yaml": B, "blueprints/a.md": A, "blueprints/c.json": '{"items": [{"id": "x"}]}'}
    )
    assert [blueprint.id for blueprint in found.blueprints] == ["a", "b", "c"]
    assert [task.id for task in found.tasks()] == ["one", "two", "two", "three", "x"]
    assert {task.project_id for task in found.tasks()} == {"shop"}
    assert found.find("three").task.blueprint_id == "b"
    assert found.blueprint("blueprints/b.yaml") is found.blueprint("b")


def test_an_unknown_task_names_the_known_ones(tmp_path: Path) -> None:
    found = library(tmp_path, {"blueprints/a.md": A})
    with pytest.raises(TaskNotFound, match="unknown task 'tow'") as caught:
        found.find("tow")
    assert caught.value.hint == "did you mean 'two'? known tasks: one, two"
    made = library(tmp_path / "made", {"blueprints/a.md": "## Tasks\n- [ ] cart Add a cart\n"})
    with pytest.raises(TaskNotFound) as caught:
        made.find("cart")
    assert caught.value.hint == "did you mean 'cart-add-a-cart'? known tasks: cart-add-a-cart"
    with pytest.raises(TaskNotFound) as caught:
        library(tmp_path / "blueprints", {}).find("x")
    assert "penguin init" in caught.value.hint


def test_a_repeated_id_needs_the_blueprint(tmp_path: Path) -> None:
    found = library(tmp_path, {"blueprints/a.md": A, "blueprints/b.yaml": B})
    with pytest.raises(BlueprintError, match=r"a\.md:3, blueprints/b\.yaml:1") as caught:
        found.find("two")
    assert caught.value.hint == "choose one with --blueprint: a, b"
    assert found.find("two", "b").task.title == "two"
    with pytest.raises(TaskNotFound, match="unknown task 'one'"):
        found.find("one", "b")
    with pytest.raises(BlueprintError, match="unknown blueprint 'c'"):
        found.find("one", "c")


def test_a_broken_blueprint_hides_none_of_the_others(tmp_path: Path) -> None:
    broken = "## Tasks\n- [ ] four Fourth {effort=90}\n- [ ] `five` Fifth\n"
    found = library(
        tmp_path, {"blueprints/a.md": A, "blueprints/broken.md": broken, "blueprints/bytes.md": b"\xff\xfe\0"}
    )
    assert found.find("one").task.id == "one"
    assert [(problem.path, problem.line) for problem in found.problems] == [
        ("blueprints/broken.md", 2),
        ("blueprints/bytes.md", 1),
    ]
    with pytest.raises(BlueprintError, match=r"blueprints/broken\.md:2: task four\.effort"):
        found.find("five")
    with pytest.raises(BlueprintError, match="NUL byte"):
        found.find("x", "bytes")
    with pytest.raises(TaskNotFound) as caught:
        found.find("x")
    assert "blueprints/broken.md" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"## Tasks\n- [ ] a \xe9\n", "is not UTF-8"),
        (b"## Tasks\n" + b"- [ ] a b\n" * 1_000_000, "is too large: 10,000,009 bytes"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, message: str) -> None:
    found = library(tmp_path, {"blueprints/a.md": data})
    assert found.blueprints[0].id == "a"
    with pytest.raises(BlueprintError, match=message):
        found.blueprints[0].require()


def test_a_file_that_penguin_yaml_names_must_be_there(tmp_path: Path) -> None:
    found = library(
        tmp_path, {"a.md": A, "notes.txt": "x"}, "blueprints: [a.md, gone.md, notes.txt, 'plans/**/*.md', a.md]\n"
    )
    assert [str(problem).partition(" (")[0] for problem in found.problems] == [
        "gone.md: does not exist",
        "notes.txt: is not a blueprint",
    ]
    assert len(found.blueprints) == 2


def test_two_blueprints_of_one_id(tmp_path: Path) -> None:
    found = library(tmp_path, {"blueprints/a.md": A, "blueprints/a.yaml": B})
    with pytest.raises(BlueprintError, match="more than one blueprint has the id 'a'"):
        found.blueprint("a")
    assert found.find("three", "blueprints/a.yaml").task.id == "three"


def test_other_markdown_is_named_once_and_left_out(tmp_path: Path) -> None:
    files = {"blueprints/a.md": A, "blueprints/README.md": "# Plans\n\n## Rules\n\n- [ ] be kind\n"}
    found = library(tmp_path, files)
    assert [blueprint.path for blueprint in found.blueprints] == ["blueprints/a.md"]
    assert [(it.severity, it.path, it.message) for it in found.problems] == [
        ("warning", "blueprints/README.md", "is not a blueprint: it has no section ## Tasks")
    ]
    named = library(tmp_path, {}, "blueprints: [blueprints/README.md]\n")
    assert [it.severity for it in named.problems] == ["error"]


def test_a_file_is_parsed_again_only_if_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(text: str, path: str, project_id: str = "") -> Blueprint:
        parsed.append(path)
        return parse_blueprint(text, path, project_id)

    monkeypatch.setattr(loader, "parse_blueprint", parse)
    monkeypatch.setattr(blueprint_cache, "_SETTLED_NS", 0)
    path = tmp_path / "a.md"
    path.write_text(A)
    first = loader.read_blueprint(path, "a.md")
    assert loader.read_blueprint(path, "a.md") is first
    assert loader.read_blueprint(path, "a.md", "other").project_id == "other"
    assert len(parsed) == 2
    size, times = path.stat().st_size, path.stat()
    path.write_text(A.replace("First", "Later"))
    while path.stat().st_ctime_ns == times.st_ctime_ns:  # The clock of the file system is coarse.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == size
    assert loader.read_blueprint(path, "a.md").tasks[0].title == "Later"
    path.unlink()
    assert loader.read_blueprint(path, "a.md").broken


def test_a_file_that_has_just_changed_is_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(A)
    assert loader.read_blueprint(path, "a.md") is not loader.read_blueprint(path, "a.md")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        parse_blueprint("## Tasks\n### 1. A\n- **ID:** a\n", "b.md")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
