"""All rendered results, compared with files: `pytest tests/render/test_golden.py --golden` writes the files.

Review them like code: each change of the output is a change of a file here.
"""

from __future__ import annotations

import asyncio
import inspect
import io
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from tests.render.sample_results import ERRORS, PROGRESS, SAMPLES

from penguin_commands import results
from penguin_commands.results import Result
from penguin_commands.results.agent_snapshots import RawConversationResult
from penguin_commands.results.history import EventResult
from penguin_commands.results.output import DiffResult, LogsResult, OutputResult
from penguin_commands.results.tasks import (
    BlueprintRow,
    BoardEstimate,
    BoardRow,
    ImportedFile,
    SourcePart,
    TaskState,
)
from penguin_commands.results.ui_actions import ChainedResult, PanelAction, QuitAction, SourceAction, ViewAction
from penguin_commands.results.workflows import UsageSummary
from penguin_repl.output.print_result import show_whole_result
from penguin_repl.output.screen import Screen, Style
from penguin_repl.render import render_parts
from penguin_repl.render.error import error_lines
from penguin_repl.render.parts import Grid
from penguin_repl.render.plain import plain_text
from penguin_repl.render.progress import heartbeat_line, progress_line
from penguin_repl.text.width import display_width

FOLDER = Path(__file__).parent / "golden"
WIDE, NARROW = 80, 40
COLORED = ("workflows of all kinds", "results", "diff", "logs")
STREAMED = (LogsResult, DiffResult, ChainedResult, RawConversationResult)
"""Results without a renderer: they are shown in chunks."""
UNSEEN = (PanelAction, ViewAction, SourceAction, QuitAction, EventResult, OutputResult)
"""Results that a shell acts on, and results for programs only."""
PARTS = (TaskState, BlueprintRow, BoardRow, BoardEstimate, ImportedFile, SourcePart, UsageSummary)
"""Parts of results."""


def file_of(name: str, mark: str = "") -> Path:
    return FOLDER / f"{name.replace(' ', '-')}{mark}.txt"


def shown(result: Result, width: int, *, color: bool = False) -> str:
    """Return the text on a terminal."""
    out = io.StringIO()
    screen = Screen(Style("text", True, color), out, io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        asyncio.run(show_whole_result(screen, result))
    return out.getvalue()


def has_table(result: Result) -> bool:
    if isinstance(result, (*STREAMED, *UNSEEN)):
        return False
    return any(isinstance(part, Grid) for part in render_parts(result))


def compare(path: Path, text: str, anew: bool) -> None:
    text = text.replace("\x1b", "␛")
    if anew:
        path.write_text(text)
        return
    advice = "look at it, then: pytest tests/render/test_golden.py --golden"
    assert path.exists(), f"{path.name} is missing; {advice}"
    assert text == path.read_text(), f"{path.name} differs; {advice}"


@pytest.fixture
def anew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("golden"))


@pytest.mark.parametrize("name", SAMPLES)
def test_rendered_results(name: str, anew: bool) -> None:
    result = SAMPLES[name]
    if isinstance(result, UNSEEN):
        return
    compare(file_of(name), shown(result, WIDE), anew)
    if has_table(result):
        compare(file_of(name, ".40"), shown(result, NARROW), anew)


@pytest.mark.parametrize("name", COLORED)
def test_rendered_colours(name: str, anew: bool) -> None:
    compare(file_of(name, ".color"), shown(SAMPLES[name], WIDE, color=True), anew)


@pytest.mark.parametrize("name", ERRORS)
def test_rendered_errors(name: str, anew: bool) -> None:
    for width, mark in ((WIDE, ""), (NARROW, ".40")):
        compare(file_of(name, mark), plain_text(error_lines(ERRORS[name], width)), anew)


@pytest.mark.parametrize("name", PROGRESS)
def test_rendered_progress(name: str, anew: bool) -> None:
    for width, mark in ((WIDE, ""), (NARROW, ".40")):
        compare(file_of(name, mark), progress_line(PROGRESS[name], width).text + "\n", anew)
    compare(file_of(name, ".plain"), heartbeat_line(PROGRESS[name]) + "\n", anew)


@pytest.mark.parametrize("width", [20, NARROW, WIDE, 200])
@pytest.mark.parametrize("name", [name for name, result in SAMPLES.items() if has_table(result)])
def test_a_table_stays_within_its_width(name: str, width: int) -> None:
    for line in shown(SAMPLES[name], width).split("\n"):
        # A word that fits on no line stays whole behind its name: the terminal breaks it, and it can be copied.
        assert display_width(line) <= width or any(display_width(word) > width - 6 for word in line.split())


def test_every_result_has_a_sample() -> None:
    rooms = [import_module(f"penguin_commands.results.{room.name}") for room in iter_modules(results.__path__)]
    kinds = {
        kind
        for room in rooms
        for _, kind in inspect.getmembers(room, inspect.isclass)
        if kind.__module__ == room.__name__ and hasattr(kind, "data")
    } - {*PARTS}
    assert not kinds - {type(result) for result in SAMPLES.values()} - set(UNSEEN)


def test_every_file_has_a_sample() -> None:
    names = [*SAMPLES, *ERRORS, *PROGRESS]
    known = {file_of(name, mark).name for name in names for mark in ("", ".40", ".color", ".plain")}
    assert not {path.name for path in FOLDER.iterdir()} - known
