"""The output of steps, shown and followed by another process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from tests.support.program import Program
from tests.support.terminal import open_terminal
from tests.support.waiting import PATIENCE, wait_until

ID = "ituv-[a-z]+-[0-9a-f]{6}"

CONFIG = """\
project: {id: shop}
blueprints: [tasks.md]
phases:
  implement:
    run:
      - echo begun; until test -e go; do sleep 0.02; done; echo ended
      - echo second step
  test: {run: ['if test -e failed; then echo better; else touch failed; echo bad; false; fi']}
  verify: skip
orchestration: {max_output: 4096, retry: {initial_delay_sec: 0.01}}
"""

TASKS = """\
---
id: b
title: B
---
## Tasks
### 1. Talks
- **ID:** `talks`
#### Recipe: both-outputs
```shell expect_stdout="said"
echo said
echo complained >&2
```
#### Recipe: quiet
```shell
true
```
"""


@pytest.fixture
def penguin(tmp_path: Path) -> Program:
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "tasks.md").write_text(TASKS)
    return Program(tmp_path)


@pytest.fixture
def begin(penguin: Program) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the program; end it with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        begun.append(penguin.begin(*arguments))
        return begun[-1]

    yield start
    (penguin.folder / "go").touch()
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line of the output."""
    assert process.stdout is not None
    giving_up = Timer(PATIENCE, process.kill)
    giving_up.start()
    text = process.stdout.readline()
    giving_up.cancel()
    assert text, "no line came"
    return text.rstrip("\n")


def worker(begin: Callable[..., subprocess.Popen[str]]) -> None:
    process = begin("worker")
    assert process.stderr is not None
    assert "worker: running" in process.stderr.readline()


def test_output_is_followed_until_the_workflow_ends(
    penguin: Program, begin: Callable[..., subprocess.Popen[str]]
) -> None:
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    following = begin("-c", "/workflow logs talks -f")
    assert re.fullmatch("==> IMPLEMENT attempt 1: echo-begun-.* <==", line(following))
    assert line(following) == "begun", "while the step still runs"
    assert following.poll() is None
    (penguin.folder / "go").touch()
    out, err = following.communicate(timeout=PATIENCE)
    printed = [text for text in out.splitlines() if not text.startswith("==>")]
    assert following.returncode == 0
    assert printed == ["ended", "second step", "bad", "better", "said", "complained"]
    # The first one may have begun before the following did.
    assert [
        heading for heading in re.findall(": ([A-Z]+ attempt [0-9]) started", err) if not heading.endswith(" 1")
    ] == [
        "TEST attempt 2",
        "TEST attempt 3",
        "USE attempt 4",
    ]
    assert re.findall("==> ([A-Z]+ attempt [0-9])", out) == [
        "IMPLEMENT attempt 1",
        "TEST attempt 2",
        "TEST attempt 3",
        "USE attempt 4",
        "USE attempt 4",
    ]
    assert re.search(f"^{ID} COMPLETED$", err, re.MULTILINE)


def test_ctrl_c_stops_following_but_not_the_workflow(
    penguin: Program, begin: Callable[..., subprocess.Popen[str]]
) -> None:
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    following = begin("-c", "/workflow logs talks -f")
    assert line(following).startswith("==> IMPLEMENT")
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=PATIENCE)
    assert following.returncode == 130
    assert err.endswith("interrupted\n")
    (penguin.folder / "go").touch()
    assert penguin("-c", "/workflow wait talks").code == 0


def test_following_logs_says_why_there_is_no_output(
    penguin: Program, begin: Callable[..., subprocess.Popen[str]]
) -> None:
    penguin("--detach", "-c", "/workflow start talks")
    following = begin("-c", "/workflow logs talks -f")
    assert following.stderr is not None
    assert re.fullmatch(f"{ID}: no shell or worker is running\n", following.stderr.readline())
    penguin("--detach", "-c", "/workflow pause talks")
    out, err = following.communicate(timeout=PATIENCE)
    assert (following.returncode, out) == (0, "")
    assert re.fullmatch(f"{ID} PAUSED: paused by .*\n", err)


def test_one_attempt_is_followed_to_its_end(penguin: Program, begin: Callable[..., subprocess.Popen[str]]) -> None:
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    following = begin("-c", "/workflow logs talks --attempt 2 -f")
    (penguin.folder / "go").touch()
    out, _ = following.communicate(timeout=PATIENCE)
    assert out.splitlines()[1:] == ["bad"]


def output(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line of the output, a chunk of the followed output."""
    found: dict[str, Any] = json.loads(line(process))["output"]
    return found


def test_jsonl_prints_a_line_for_each_chunk(penguin: Program, begin: Callable[..., subprocess.Popen[str]]) -> None:
    # Between the halves of a character, the other step prints.
    halves = r"printf '\303'; until test -e go; do sleep 0.02; done; printf '\251\303'"
    config = CONFIG.replace("echo begun; until test -e go; do sleep 0.02; done; echo ended", f"echo begun; {halves}")
    (penguin.folder / "penguin.yaml").write_text(config)
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    following = begin("-o", "jsonl", "-c", "/workflow logs talks -f")
    first = output(following)
    assert re.fullmatch(ID, first.pop("workflow_id"))
    path, step = first.pop("path"), first.pop("step")
    assert step.startswith("echo")
    assert first == {
        "phase": "IMPLEMENT",
        "attempt": 1,
        "try": 1,
        "stream": "stdout",
        "text": "begun\n",
        "host": "",
        "note": "",
    }, "while the step still runs"
    assert following.poll() is None
    (penguin.folder / "go").touch()
    out, err = following.communicate(timeout=PATIENCE)
    rows = [json.loads(text) for text in out.splitlines()]
    pieces = [row["output"] for row in rows if "output" in row]
    assert "".join(piece["text"] for piece in pieces if piece["path"] == path) == "\u00e9\ufffd"
    printed = [piece["text"] for piece in pieces if piece["path"] != path]
    assert printed == ["second step\n", "bad\n", "better\n", "said\n", "complained\n"]
    assert [piece["stream"] for piece in pieces if piece["phase"] == "USE"] == ["stdout", "stderr"]
    # Then the result, as it is without following.
    results = rows[len(pieces) :]
    assert [row["tail"] for row in results] == ["begun\n\u00e9\ufffd", *printed]
    assert results[0]["path"] == path
    assert re.search(f"^{ID} COMPLETED$", err, re.MULTILINE)


def test_jsonl_output_marks_omitted_output(penguin: Program, begin: Callable[..., subprocess.Popen[str]]) -> None:
    (penguin.folder / "penguin.yaml").write_text(CONFIG.replace("echo begun;", "seq 10000 15000;"))
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    runs = penguin.folder / ".penguin" / "runs"
    wait_until(lambda: list(runs.glob("*/*/*.tail")))
    following = begin("-o", "jsonl", "-c", "/workflow logs talks --attempt 1 -f")
    pieces = [output(following)]
    while not pieces[-1]["note"]:
        pieces.append(output(following))
    assert pieces[-1]["text"] == ""
    assert pieces[-1]["note"].startswith("output truncated;")
    (penguin.folder / "go").touch()
    out, _ = following.communicate(timeout=PATIENCE)
    rows = [json.loads(text) for text in out.splitlines()]
    pieces += [row["output"] for row in rows if "output" in row]
    whole = (penguin.folder / pieces[0]["path"]).read_text()
    assert "".join(piece["text"] for piece in pieces if piece["path"] == pieces[0]["path"]) == whole
    assert rows[-2]["tail"] == whole
    assert rows[-2]["complete"]


def test_without_following_jsonl_prints_no_chunks(penguin: Program) -> None:
    (penguin.folder / "go").touch()
    penguin("-c", "/workflow start talks")
    rows = penguin("-o", "jsonl", "-c", "/workflow logs talks").documents
    assert [row["tail"] for row in rows] == ["said\n", "complained\n", ""]
    (document,) = penguin("-o", "json", "-c", "/workflow logs talks -f").documents
    assert [log["tail"] for log in document["logs"]] == ["said\n", "complained\n"]
    with open_terminal(penguin.folder, "-o", "jsonl", columns=400) as terminal:
        terminal.enter("/workflow logs talks").see('"tail": "complained')
        assert '"output"' not in terminal.text


def test_standard_error_is_shown_under_its_own_heading(penguin: Program) -> None:
    (penguin.folder / "go").touch()
    penguin("-c", "/workflow start talks")
    out = penguin("-c", "/workflow logs talks").out
    step = re.escape(re.findall("==> USE attempt 4: (.*) <==", out)[0])
    assert re.match(
        f"==> USE attempt 4: {step} <==\nsaid\n==> USE attempt 4: {step} \\(standard error\\) <==\ncomplained\n", out
    )
    assert out.count("standard error") == 1, "nothing was said on the other one"
    logs = penguin("-o", "json", "-c", "/workflow logs talks").documents[0]["logs"]
    assert [(log["stream"], log["tail"]) for log in logs] == [
        ("stdout", "said\n"),
        ("stderr", "complained\n"),
        ("stdout", ""),
    ]
    assert all(log["complete"] and log["try"] == 1 for log in logs)


def test_the_end_of_truncated_output_is_shown_when_the_step_ends(
    penguin: Program, begin: Callable[..., subprocess.Popen[str]]
) -> None:
    config = CONFIG.replace("echo begun;", "seq 10000 15000;")
    (penguin.folder / "penguin.yaml").write_text(config)
    worker(begin)
    penguin("--detach", "-c", "/workflow start talks")
    runs = penguin.folder / ".penguin" / "runs"
    wait_until(lambda: list(runs.glob("*/*/*.tail")))
    notice = "[penguin: output truncated; its last part is shown when the step ends]"
    following = begin("-c", "/workflow logs talks --attempt 1 -f")
    lines = [line(following)]
    while lines[-1] != notice:
        lines.append(line(following))
    assert lines[1:3] == ["10000", "10001"]
    now = penguin("-c", "/workflow logs talks").out.splitlines()
    assert now == lines
    (document,) = penguin("-o", "json", "-c", "/workflow logs talks").documents
    assert not document["logs"][0]["complete"]
    (penguin.folder / "go").touch()
    out, _ = following.communicate(timeout=PATIENCE)
    assert re.search("penguin: [0-9]+ bytes omitted", out)
    assert "15000\nended\n" in out
    assert notice not in penguin("-c", "/workflow logs talks --attempt 1").out
