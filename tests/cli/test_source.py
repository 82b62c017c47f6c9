"""Sourced files, marks below wrong words, and events during waits, through the real program."""

from __future__ import annotations

import json
import os
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.program import Program

from penguin_commands.errors import UsageError
from penguin_repl.render.error import mark_words, marked_line
from penguin_repl.scripts.lines import ScriptLine, ScriptLines, lines_from_descriptor, open_script
from penguin_repl.text.width import display_width

DESCRIPTORS = Path("/proc/self/fd")


def write(penguin: Program, **files: str) -> None:
    for name, text in files.items():
        (penguin.folder / f"{name}.pen").write_text(text)


# --- sourcing ---


def test_a_file_is_run_in_place(penguin: Program) -> None:
    write(
        penguin,
        outer="/source inner.pen # as in a shell\n/help quit\n",
        inner="/task show quick\n\n/source innermost.pen\n",
        innermost="/health",
    )
    ran = penguin("outer.pen")
    assert (ran.code, ran.err) == (0, "")
    quick, health, leave = (ran.out.index(text) for text in ("quick", "active workflows", "Example: /quit"))
    assert quick < health < leave
    assert penguin("-c", "/source outer.pen").out.count("active workflows") == 1
    assert len(penguin("outer.pen", "-o", "json").documents) == 3


def test_the_error_of_a_sourced_line_names_all_locations(penguin: Program) -> None:
    write(
        penguin, outer="# first\n/source inner.pen\n/health\n", inner="/source innermost.pen\n", innermost="\n/nope\n"
    )
    ran = penguin("outer.pen")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("innermost.pen:2: unknown command '/nope'")
    assert "\n  sourced at inner.pen:1\n  sourced at outer.pen:2\n    /nope\n    ^^^^^\n" in ran.err
    (document,) = penguin("outer.pen", "-o", "json").documents
    assert document["error"]["place"] == "innermost.pen:2"


def test_an_unreadable_file_is_an_error_of_its_line(penguin: Program) -> None:
    write(penguin, outer="/help quit\n/source nowhere.pen\n/help quit\n")
    ran = penguin("outer.pen")
    assert ran.code == 2
    assert ran.err == (
        "outer.pen:2: can't read the script 'nowhere.pen': No such file or directory; "
        "give its path relative to the current folder\n"
    )
    assert ran.out.count("Example: /quit") == 1
    assert penguin("-c", "/source .").err.startswith("-c:1: can't read the script '.': Is a directory")


def test_a_file_cannot_source_itself(penguin: Program) -> None:
    write(penguin, a="/source b.pen\n", b="/source a.pen\n", c="/source ./c.pen\n")
    for start, place in (("a", "b.pen:1"), ("b", "a.pen:1"), ("c", "c.pen:1")):
        ran = penguin(f"{start}.pen")
        assert ran.code == 2
        assert ran.err.startswith(f"{place}: ")
        assert "is already being read: a file can't source itself" in ran.err
    (penguin.folder / "link.pen").symlink_to("a.pen")
    assert "is already being read" in penguin("-c", "/source link.pen").err
    with open(penguin.folder / "a.pen") as script:
        done = subprocess.run(penguin.command, cwd=penguin.folder, stdin=script, capture_output=True, check=False)
    assert b"b.pen:1: a.pen is already being read" in done.stderr


def test_a_file_can_be_sourced_twice_in_a_row(penguin: Program) -> None:
    write(penguin, a="/source b.pen\n/source b.pen\n", b="/help quit\n")
    assert penguin("a.pen").out.count("Example: /quit") == 2


def test_keep_going_applies_to_sourced_files(penguin: Program) -> None:
    write(penguin, outer="/source inner.pen\n/help quit\n", inner="/nope\n/help health\n/source nowhere.pen\n/zzz\n")
    stopped = penguin("outer.pen")
    assert (stopped.code, stopped.out) == (2, "")
    ran = penguin("outer.pen", "--keep-going")
    assert ran.code == 2
    places = [line.split(": ")[0] for line in ran.err.splitlines() if line.startswith("inner")]
    assert places == ["inner.pen:1", "inner.pen:3", "inner.pen:4"]
    assert "Example: /health" in ran.out
    assert ran.out.endswith("Example: /quit\n")


def test_quit_ends_all_files(penguin: Program) -> None:
    write(penguin, outer="/source inner.pen\n/nope\n", inner="/quit\n/nope\n")
    assert penguin("outer.pen").code == 0


def test_a_sourced_file_starts_what_the_script_waits_for(penguin: Program) -> None:
    write(
        penguin, outer="/workflow list\n/source inner.pen\n/workflow status @last\n", inner="/workflow start person\n"
    )
    ran = penguin("outer.pen")
    assert ran.code == 5
    assert "Started ITUV workflow for task person" in ran.out
    assert "is BLOCKED" in ran.err


def test_files_are_closed_at_their_end(penguin: Program) -> None:
    write(penguin, a="/help\n" * 3)
    path = str(penguin.folder / "a.pen")
    descriptor = open_script(path)
    lines = ScriptLines(lines_from_descriptor(descriptor, "a"), descriptor)
    assert next(lines).location == "a:1"
    before = {path.name for path in DESCRIPTORS.iterdir()}
    lines.source(path)
    assert isinstance(next(lines).error, UsageError)
    (penguin.folder / "b.pen").write_text("/quit\n")
    lines.source(str(penguin.folder / "b.pen"))
    assert next(lines).sourced_at == ("a:1",)
    assert [line.location for line in lines] == ["a:2", "a:3"]
    assert {path.name for path in DESCRIPTORS.iterdir()} == before
    os.close(descriptor)


# --- marks ---


def mark_of(line: str, word: str) -> list[str]:
    start = line.index(word)
    return mark_words(line, start, start + len(word)).split("\n")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("/workflow strat x", "strat"),
        ("/workflow feedback 漢字 --x", "--x"),
        ("/workflow list 漢字", "漢字"),
        ("/help 🐧🐧 nope", "nope"),
        ("/help e\u0301te\u0301 nope", "nope"),
        ("/help \x1b[2J nope", "nope"),
        ("/help \ta nope", "nope"),
    ],
)
def test_the_mark_is_below_the_wrong_word(line: str, word: str) -> None:
    shown, mark = mark_of(line, word)
    assert "\x1b" not in shown
    before = shown[: shown.rindex(word)]
    assert len(mark) - len(mark.lstrip()) == display_width(before)
    assert mark.strip() == "^" * display_width(word)


@pytest.mark.parametrize("before", ["", "a " * 5_000, "漢" * 5_000])
@pytest.mark.parametrize("fault", ["nope", "x" * 5_000, "漢" * 300])
@pytest.mark.parametrize("room", [20, 41, 80])
def test_a_long_line_is_cut_around_the_error(before: str, fault: str, room: int) -> None:
    line = f"{before} {fault} {'z' * 5_000}"
    start = len(before) + 1
    shown, mark = mark_words(line, start, start + len(fault), room).split("\n")
    assert display_width(shown) <= room
    assert len(mark) <= room
    assert "^" in mark
    assert fault[:5] in shown


def test_only_errors_with_a_position_are_marked() -> None:
    assert marked_line(ValueError("x"), 80) == ""
    assert marked_line(UsageError("x"), 80) == ""
    error = UsageError("x", "", 1, 2)
    assert marked_line(error, 80) == ""
    error.line = "abc"
    assert marked_line(error, 80) == "abc\n ^"


def test_a_script_marks_the_bad_word(penguin: Program) -> None:
    ran = penguin(script="/help quit\n/workflow list --staus 漢字\n")
    place, line, mark = ran.err.splitlines()
    assert place.startswith("<stdin>:2: unknown flag '--staus'; did you mean --status?")
    assert (line, mark) == ("    /workflow list --staus 漢字", "                   ^^^^^^^")
    # A program reads documents, and one line for each error.
    assert penguin("-o", "json", "-c", "/nope").err.count("\n") == 1


@pytest.mark.parametrize("line", ["/workflow pause", "/workflow pause ", "/workflow pause   # whatever"])
def test_a_script_marks_where_a_word_is_missing(penguin: Program, line: str) -> None:
    place, shown, mark = penguin(script=line).err.splitlines()
    assert place.startswith("<stdin>:1: ID is missing; usage: /workflow pause ID")
    assert (shown, mark) == (f"    {line}".rstrip(), "                    ^")


@pytest.mark.parametrize("room", [20, 41])
def test_a_missing_word_is_marked_at_the_end_of_a_long_line(room: int) -> None:
    line = f"/help {'漢字 ' * 1_000}end"
    shown, mark = mark_words(line, len(line) + 1, len(line) + 1, room).split("\n")
    assert shown.endswith(" end")
    assert len(mark) == display_width(shown) + 2 <= room


def test_unreadable_lines_have_no_mark() -> None:
    (line,) = ScriptLines(iter([ScriptLine("x:1", "", True, UsageError("no text"))]))
    assert line.error is not None
    assert marked_line(line.error, 80) == ""


# --- events ---


def events_of(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["event"]["workflow_id"].split("-")[1], row["event"]["kind"]) for row in rows if "event" in row]


def test_events_are_printed_while_a_script_waits(penguin: Program) -> None:
    process = penguin.begin("-o", "jsonl", "-c", "/workflow start gated --wait")
    assert process.stdout
    kinds: list[str] = []
    # The workflow can't continue before these lines are read.
    while kinds.count("AttemptStarted") < 3:
        kinds.append(json.loads(process.stdout.readline())["event"]["kind"])
    assert kinds[0] == "Started"
    (penguin.folder / "go").touch()
    out, _ = process.communicate(timeout=30)
    rows = [json.loads(line) for line in out.splitlines()]
    assert events_of(rows)[-1] == ("gated", "Completed")
    result, last = rows[len(events_of(rows)) :]
    assert result["workflows"][0]["status"] == last["status"] == "COMPLETED"
    assert process.returncode == 0


def test_each_event_is_printed_once_over_several_waits(penguin: Program) -> None:
    script = "/workflow start quick\n/workflow wait quick\n/workflow wait quick\n/workflow start after\n"
    ran = penguin("-o", "jsonl", script=script)
    assert ran.code == 0
    events = events_of(ran.documents)
    for task in ("quick", "after"):
        assert [kind for name, kind in events if name == task].count("Started") == 1
        assert events.count((task, "Completed")) == 1
    (history,) = penguin("-o", "json", "-c", "/workflow history quick").documents
    assert [kind for name, kind in events if name == "quick"] == [event["kind"] for event in history["events"]]
    assert [row["task_id"] for row in ran.documents[-2:]] == ["quick", "after"]


def test_events_of_other_processes_are_printed_from_the_wait_on(penguin: Program) -> None:
    running = penguin.begin("-c", "/workflow start gated")
    for line in running.stderr or ():
        if "RUNNING VERIFY" in line:
            break
    waiting = penguin.begin("-o", "jsonl", "-c", "/workflow wait gated", "-c", "/workflow history gated")
    while not select.select([waiting.stdout], [], [], 0)[0]:
        # The first event shows that the wait has begun.
        assert penguin("-c", "/workflow feedback gated look").code == 0
    (penguin.folder / "go").touch()
    out, _ = waiting.communicate(timeout=30)
    events = [json.loads(line)["event"]["kind"] for line in out.splitlines() if "event" in json.loads(line)]
    assert events[0] == "FeedbackQueued"
    assert events[-1] == "Completed"
    running.communicate(timeout=30)


def test_an_error_is_printed_after_the_events(penguin: Program) -> None:
    ran = penguin("-o", "jsonl", "-c", "/workflow start person --wait")
    assert ran.code == 5
    *events, error = ran.documents
    assert events_of(events)[-1] == ("person", "Blocked")
    assert error["error"]["code"] == "not_completed"
    assert error["error"]["workflows"][0]["status"] == "BLOCKED"
    assert not events_of(penguin("-o", "json", "-c", "/workflow start wrong").documents)


def test_a_closed_pipe_ends_the_wait(penguin: Program) -> None:
    process = penguin.begin("-o", "jsonl", "-c", "/workflow start gated --wait")
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    penguin("-c", "/workflow feedback gated look")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "standard output was closed" in err


# --- help ---


def test_help_of_a_command_has_its_usage_meaning_and_example(penguin: Program) -> None:
    shown = penguin("-c", "/help workflow retry").out
    assert shown == penguin("help", "workflow", "retry").out == penguin("-c", "/help workfl retr").out
    lines = shown.splitlines()
    assert lines[0] == "Start a new workflow that keeps the passes that are still valid."
    assert lines[2].startswith("Usage: /workflow retry ID ")
    assert "Applies to workflows that are BLOCKED, COMPLETED, FAILED, CANCELLED." in lines
    assert lines[-1].startswith("Example: /workflow retry ")


def test_penguin_help_explains_options_and_commands(empty: Program) -> None:
    worker = empty("help", "worker")
    assert worker.code == 0
    assert "Usage: penguin [OPTIONS] worker\n" in worker.out
    assert "--until-settled" in worker.out
    wrong = empty("help", "workflow", "retyr")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean retry?" in wrong.err
    assert empty("worker", "now").code == 2
