"""Documents with line numbers: values, and all errors of a file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.config.document import parse_json, parse_yaml, read_text
from penguin.orchestration.config.document_checker import Checker, Node


def complaints(checker: Checker) -> str:
    return "\n".join(map(str, checker.problems))


def test_yaml_values_have_line_numbers() -> None:
    checker = Checker("f.yaml")
    root = parse_yaml("a: 1\nb:\n  c: [x, y]\n  d: |\n    text\n", checker)
    assert root is not None
    assert not checker.problems
    assert root.plain() == {"a": 1, "b": {"c": ["x", "y"], "d": "text\n"}}
    inner = root.value["b"].value
    assert (inner["c"].key_line, inner["c"].value[1].line, inner["d"].key_line) == (3, 3, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("true", True),
        ("~", None),
        ("no", "no"),
        ("007", "007"),
        ("1:30", "1:30"),
        ("2024-01-15", "2024-01-15"),
        ("'1'", "1"),
        ("1_000", "1_000"),
        ("9" * 5000, "9" * 5000),
        ("-", "-"),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    node = parse_yaml(f"a: {text}" if text != "-" else "a: '-'", Checker("f"))
    assert node is not None
    assert node.plain() == {"a": value}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\n\tb: 2\n", 2, "replace the tab"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("a: b: c\n", 1, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "duplicate key 'a' (first on line 1)"),
        ("x:\n  b: 1\n  c: 1\n  b: 2\n", 4, "duplicate key 'b' (first on line 2)"),
        ("a: 1\n---\nb: 2\n", 2, "more than one YAML document"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: &a [*a]\n", 1, "undefined alias"),
        ("a: !!python/object:os.system x\n", 1, "tags are not supported"),
        ("? [a]\n: b\n", 1, "as a key"),
        ('a: "\\0"\n', 1, "NUL"),
        ("a: \x01\n", 1, "not valid YAML"),
    ],
)
def test_broken_yaml(text: str, line: int, message: str) -> None:
    checker = Checker("f.yaml")
    parse_yaml(text, checker)
    assert f"f.yaml:{line}:" in complaints(checker)
    assert message in complaints(checker)


@pytest.mark.parametrize("before", ["", "a: ", "a:\n  b:\n  - ", "a: '[[['\nb: "])
@pytest.mark.parametrize("opening", ["[", "{", "[{", "[ ", "{a: ", '["]", ', "[\n", "- ", "? "])
@pytest.mark.parametrize("times", [100, 5_000])
def test_yaml_that_is_nested_too_deep(before: str, opening: str, times: int) -> None:
    """The message is Penguin's, even if the scanner fails before the first value."""
    if before.endswith(": ") and opening in ("- ", "? "):
        before += "\n  "
    checker = Checker("f.yaml")
    assert parse_yaml(before + opening * times, checker) is None
    assert "is nested more than 64 levels deep" in complaints(checker)


@pytest.mark.parametrize(
    "text", ["[" * 60, "- [" + "'[', " * 70 + "b: c: d", "[" * 60 + "]" * 60 + "[" * 60 + "]" * 59]
)
def test_only_open_brackets_count_as_nesting(text: str) -> None:
    checker = Checker("f.yaml")
    assert parse_yaml(text, checker) is None
    assert "is not valid YAML" in complaints(checker)


def test_aliases_are_expanded_up_to_a_limit() -> None:
    root = parse_yaml("a: &x {k: 1}\nb: *x\n", Checker("f"))
    assert root is not None
    assert root.plain() == {"a": {"k": 1}, "b": {"k": 1}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    checker = Checker("f.yaml")
    parse_yaml(bomb, checker)
    assert "too large" in complaints(checker)


def test_json_values_have_line_numbers() -> None:
    checker = Checker("f.json")
    root = parse_json('{\n\t"a": [1,\n 2.5],\n"b": {"c": "\\u00e9\\n"}}\n', checker)
    assert root is not None
    assert not checker.problems
    assert root.plain() == {"a": [1, 2.5], "b": {"c": "é\n"}}
    assert [node.line for node in root.value["a"].value] == [2, 3]
    assert root.value["b"].value["c"].key_line == 4


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"a": 1,\n}', 2, "key in double quotes"),
        ('{"a": 1\n"b": 2}', 2, "expected '}'"),
        ("{'a': 1}", 1, "key in double quotes"),
        ('{"a": nul}', 1, "expected a value"),
        ('{"a": 1}\n{}', 2, "after the end"),
        ('{"a": "x}', 1, "Unterminated string"),
        ('{"a": "\\ud800"}', 1, "surrogate"),
        ('{"a": "\\u0000"}', 1, "NUL"),
        ('{"a": 1,\n"a": 2}', 2, "duplicate key 'a' (first on line 1)"),
        ("[" * 100_000, 1, "levels deep"),
        ('{"a":' * 100_000, 1, "levels deep"),
        ("[1" + "0" * 5000 + "]", 1, "expected a value"),
    ],
)
def test_broken_json(text: str, line: int, message: str) -> None:
    checker = Checker("f.json")
    parse_json(text, checker)
    assert f"f.json:{line}:" in complaints(checker)
    assert message in complaints(checker)


_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\n\"'é", max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_plain, st.sampled_from([None, 1]))
def test_json_is_read_as_the_standard_library_reads_it(data: Any, indent: int | None) -> None:
    root = parse_json(json.dumps(data, indent=indent), Checker("f"))
    assert root is not None
    assert root.plain() == data


@given(st.text())
def test_any_text_is_read_or_an_error(text: str) -> None:
    for parse in (parse_yaml, parse_json):
        checker = Checker("f")
        assert isinstance(parse(text, checker), Node) or checker.problems


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f: is empty"),
        (b" \n\t\n", "f: is empty"),
        (b"a: 1\nb: \0\n", "f:2: contains a NUL byte"),
        ("a: 1\nb: é\n".encode("latin-1"), "f:2: is not UTF-8 (byte 0xe9)"),
        ("a: 1\n".encode("utf-16"), "NUL byte"),
        (b"x" * 2000, "f: is too large: 2,000 bytes, the maximum is 1,000"),
    ],
)
def test_files_that_are_not_text(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(data)
    checker = Checker("f")
    assert read_text(tmp_path / "f", checker, 1_000) is None
    assert message in complaints(checker)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("nowhere")
    for name, message in [
        ("fifo", "fifo: is a named pipe, not a file"),
        ("", "is a folder, not a file"),
        ("link", "link: is a broken link (to nowhere), not a file"),
        ("none", "none: does not exist (write the file)"),
        ("none/at/all", "does not exist"),
    ]:
        checker = Checker(name)
        assert read_text(tmp_path / name, checker, 1_000) is None
        assert message in complaints(checker)


@pytest.mark.integration
def test_the_suggested_command_moves_a_conflicting_path(tmp_path: Path) -> None:
    path = tmp_path / "a b"
    (tmp_path / "a b.old").write_text("kept")
    path.mkdir()
    checker = Checker("f")
    read_text(path, checker, 1_000)
    command, _, then = checker.problems[0].hint.partition("; ")
    subprocess.run(command, shell=True, check=True)
    assert then == "then write the file"
    assert not path.exists()
    assert (tmp_path / "a b.old").read_text() == "kept"
    assert (tmp_path / "a b.old2").is_dir()


def test_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\rc: 3\n")
    assert read_text(tmp_path / "f", Checker("f"), 1_000) == "a: 1\nb: 2\nc: 3\n"
