"""Reading of diffs, which git makes of files with any content and any name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.git_repository import git

from penguin_commands.handlers.report.bounds import LINE
from penguin_commands.handlers.report.changes import LINES_PER_FILE, MAX_FILES, read_diff

CONTENT = st.lists(
    st.sampled_from(
        [
            b"a",
            b"",
            b"-- a/x",
            b"++ b/x",
            b"- minus",
            b"diff --git a/q b/q",
            b"@@ -1,9 +1,9 @@",
            b"\\ No newline at end of file",
            b"Binary files a and b differ",
            b"rename from x",
            b"\xff\x80",
            b"\x1b[31m",
            b"\r",
        ]
    ),
    max_size=12,
).map(b"\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diff")
    git(folder, "init", "-q")
    return folder


def diff_of(folder: Path, old: dict[str, bytes], new: dict[str, bytes], *options: str) -> bytes:
    """Return the diff between two sets of files, as git prints it."""
    trees = []
    for files in (old, new):
        git(folder, "read-tree", "--empty")
        for name, content in files.items():
            (folder / "content").write_bytes(content)
            blob = git(folder, "hash-object", "-w", "content").strip()
            git(folder, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        trees.append(git(folder, "write-tree").strip())
    output: bytes = git(folder, "diff-tree", "-r", "-M", "-p", *options, *trees).encode("utf-8", "surrogateescape")
    return output


@pytest.mark.integration
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(CONTENT, CONTENT, st.integers(1, 7))
def test_the_counts_are_those_of_git(repository: Path, old: bytes, new: bytes, size: int) -> None:
    names = {"a": old, "b c": new}, {"a": new, "b c": old}
    counted = diff_of(repository, *names, "--numstat").decode("utf-8", "replace")
    expected = {
        line.split("\t")[2]: tuple(map(int, line.split("\t")[:2]))
        for line in counted.split("\n")
        if line.count("\t") == 2 and line.split("\t")[0].isdigit()
    }
    text = diff_of(repository, *names)
    files, more = read_diff(text[at : at + size] for at in range(0, len(text), size))
    assert {file.path: (file.added, file.removed) for file in files if not file.binary} == expected
    assert more == 0


@pytest.mark.integration
def test_names_and_kinds(repository: Path) -> None:
    same = b"".join(b"line %d\n" % number for number in range(9))
    old = {"old name": same, "gone": b"x\n", "bin": b"\0a", "tab\tand ünï": b"1\n", 'quo"te': b"1\n"}
    new = {"new name": same, "made": b"y\n", "bin": b"\0b", "tab\tand ünï": b"2\n", 'quo"te': b"2\n", "empty": b""}
    files, _ = read_diff([diff_of(repository, old, new)])
    found = {file.path: (file.change, file.old_path, file.added, file.removed, file.binary) for file in files}
    assert found == {
        "bin": ("changed", "", 0, 0, True),
        "empty": ("added", "", 0, 0, False),
        "gone": ("deleted", "", 0, 1, False),
        "made": ("added", "", 1, 0, False),
        "new name": ("renamed", "old name", 0, 0, False),
        'quo"te': ("changed", "", 1, 1, False),
        "tab\\x09and ünï": ("changed", "", 1, 1, False),
    }


def test_huge_diffs_are_bounded() -> None:
    head = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n"
    ((long,), _) = read_diff([head, b"@@ -0,0 +1 @@\n+", b"y" * 5_000_000, b"\n"])
    assert long.added == 1
    assert long.diff[-1] == f"+{'y' * (LINE - 1)} … (long line)"
    ((many,), _) = read_diff([head, b"@@ -0,0 +1,5000 @@\n" + b"+z\n" * 5000])
    assert (many.added, len(many.diff), many.left_out) == (5000, LINES_PER_FILE, 5001 - LINES_PER_FILE)
    files, more = read_diff([head * (MAX_FILES + 5)])
    assert (len(files), more) == (MAX_FILES, 5)
