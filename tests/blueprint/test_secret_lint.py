"""Lint finds values of secret variables in files that Penguin stores as they are."""

from __future__ import annotations

from pathlib import Path

from penguin.orchestration.blueprint.secret_lint import secret_problems


def test_a_value_is_found_in_every_file_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").write_text("project: {id: shop}\nphases: {test: {run: 'false hunter2hunter2'}}\n")
    (tmp_path / "a.md").write_bytes(b"# A\r\n\r\nhunter2hunter2 and other-value\r\n")
    (tmp_path / "clean.md").write_text("# Clean\n")
    paths = ["penguin.yaml", "a.md", "clean.md", "missing.md"]

    found = secret_problems(tmp_path, paths, {"MY_API_KEY": "hunter2hunter2", "DB_PASSWORD": "other-value"})

    assert [(it.severity, it.where, it.message.split(",")[0], it.hint) for it in found] == [
        ("warning", "penguin.yaml:2", "contains the value of MY_API_KEY", "write $MY_API_KEY"),
        ("warning", "a.md:3", "contains the value of MY_API_KEY", "write $MY_API_KEY"),
        ("warning", "a.md:3", "contains the value of DB_PASSWORD", "write $DB_PASSWORD"),
    ]
