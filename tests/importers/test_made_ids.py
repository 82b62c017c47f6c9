"""The ids that an import makes from titles."""

from __future__ import annotations

from pathlib import Path

from tests.importers.backlogs import plan_text

from penguin.orchestration.blueprint import task_ids


def made_ids(root: Path, *titles: str) -> dict[str, str]:
    """Return the made id of each title of a checklist."""
    root.mkdir()
    plan = plan_text(root, "todo.md", "".join(f"- [ ] {title}\n" for title in titles))
    return {task.title: task.id for task in plan.blueprint.tasks}


def test_ids_do_not_depend_on_the_order_of_titles_without_latin_letters(tmp_path: Path) -> None:
    first = made_ids(tmp_path / "first", "登录页面", "写文档", "Überprüfen")
    assert first == made_ids(tmp_path / "second", "Überprüfen", "写文档", "登录页面")
    assert first["Überprüfen"] == "uberprufen"
    assert len(set(first.values())) == 3


def test_an_import_makes_the_same_id_as_a_blueprint(tmp_path: Path) -> None:
    title = "Delete the table of users that is not used by any other part of the application"
    assert made_ids(tmp_path / "plain", title) == {title: task_ids.id_from_title(title)}
