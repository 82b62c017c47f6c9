"""The code blocks of the README and the documents are run in order, as a reader would type them.

`console`: lines after `$ ` are run by a shell, the rest is the expected standard output (`…` alone stands for any
lines; times, durations and the digits of ids may differ). `python`: run as a program. `yaml` and `markdown`: read as a
penguin.yaml or a blueprint, and written to the file that the block names, if it names one. `sh`: only commands for
developers. `text`: not run.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt

from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.config import load_settings
from penguin_commands.grammar.table import TABLE

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DEVELOPER_COMMANDS = (
    "make demo",
    "make unit",
    "make test",
    "make check",
    "make quick",
    "make crash",
    "make fuzz",
    "make backlogs",
    "make temporal",
    "make agents",
    "make wheel-test",
    "make pictures",
    "make recording",
    "make nightly",
    ".ci/run",
)
VARIES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\b\d+\.\ds\b", "DURATION"),
    (r"-(?:[0-9a-f]{6}|HEX)\b", "-HEX"),
    (r"[ \t─]+", " "),
)


class CodeBlock(NamedTuple):
    """A code block of a document."""

    language: str
    text: str
    line: int
    file: str = ""
    """The second word after the fence: the file that a reader puts the text into."""


def blocks_of(document: Path) -> list[CodeBlock]:
    tokens = MarkdownIt("commonmark").parse(document.read_text(encoding="utf-8"))
    fences = (token for token in tokens if token.type == "fence")
    found = ((token.info.split(), token.content, (token.map or [0])[0] + 1) for token in fences)
    return [CodeBlock(info[0], text, line, next(iter(info[1:]), "")) for info, text, line in found]


def same(text: str) -> str:
    """Return the text without the parts that differ between runs."""
    for pattern, word in VARIES:
        text = re.sub(pattern, word, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


class Reader:
    """A reader who types the commands of a document, starting in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "COLUMNS": "200", "PENGUIN_EXAMPLES": os.fspath(ROOT / "examples")}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def write(self, block: CodeBlock) -> None:
        """Write a block that names its file."""
        if block.file:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")

    def console(self, text: str) -> None:
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            ended = self.run("sh", "-c", f"{command}\n echo; pwd")
            output, _, folder = ended.stdout.rstrip("\n").rpartition("\n")
            self.folder = Path(folder)
            pattern = re.escape(same(expected)).replace("…", r"[\s\S]*")
            assert re.fullmatch(pattern, same(output)), f"{command}\n{output}\n{ended.stderr}"

    def python(self, text: str) -> None:
        ended = self.run(sys.executable, "-W", "error", "-c", text)
        assert ended.returncode == 0, ended.stderr

    def yaml(self, text: str) -> None:
        if re.search(r"^items:", text, re.MULTILINE):
            self.blueprint("doc.yaml", text)
            return
        folder = self.folder / "settings"
        folder.mkdir(exist_ok=True)
        (folder / "penguin.yaml").write_text(text, encoding="utf-8")
        load_settings(folder)

    def markdown(self, text: str) -> None:
        self.blueprint("doc.md", text)

    def blueprint(self, name: str, text: str) -> None:
        blueprint = parse_blueprint(text, name, "docs")
        assert blueprint.items
        assert not blueprint.problems

    def sh(self, text: str) -> None:
        for line in text.splitlines():
            command = shlex.join(shlex.split(line, comments=True))
            assert command in DEVELOPER_COMMANDS, f"{command}: a console block would be run"

    def text(self, text: str) -> None:
        """Text that is not run."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_code_blocks(document: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    if document.parent.name == "docs":
        # The documents continue after the README's first task.
        reader.run("penguin", "init")
    for block in blocks_of(document):
        try:
            reader.write(block)
            getattr(reader, block.language)(block.text)
        except Exception as error:
            error.add_note(f"{document.relative_to(ROOT)}:{block.line}")
            raise


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    named = re.findall(r"`/(?!bin/)([a-z]+)(?: ([a-z]+))?", document.read_text(encoding="utf-8"))
    assert [names for names in named if not TABLE.lookup(*names)] == []
