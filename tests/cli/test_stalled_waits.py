"""Waits that nothing ends: without a running engine, and when a signal ends the program that waits."""

from __future__ import annotations

import re
import signal

import pytest
from tests.support.program import Program


@pytest.mark.parametrize("held", [False, True], ids=["not started", "another workflow holds the working tree"])
def test_a_wait_without_an_engine_says_so_at_once_and_continues(penguin: Program, held: bool) -> None:
    task = "quick"
    if held:
        left = penguin.begin("-c", "/workflow start gated")
        penguin.wait_for_step("gated")
        left.kill()
        left.communicate()
    penguin("--detach", "-c", f"/workflow start {task}")
    waiting = penguin.begin("-c", f"/workflow wait {task}")
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    assert re.fullmatch(r"no engine is running, so ituv-quick-\w{6} can't progress; type: penguin worker\n", said), said
    (penguin.folder / "go").touch()
    penguin("worker", "--until-settled")
    _, more = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert "no engine" not in more


def test_a_wait_whose_engine_dies_says_so(penguin: Program) -> None:
    worker = penguin.begin("worker")
    penguin("--detach", "-c", "/workflow start gated")
    penguin.wait_for_step("gated")
    waiting = penguin.begin("-c", "/workflow wait gated --timeout 60")
    assert waiting.stderr is not None
    worker.kill()
    worker.communicate()
    assert "no engine is running" in waiting.stderr.readline()
    waiting.kill()
    waiting.communicate()


def test_the_error_of_a_wait_that_timed_out_names_the_missing_engine(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    for more in ("", " --any"):
        ran = penguin("-o", "json", "-c", f"/workflow wait quick --timeout 0.3{more}")
        assert ran.code == 4
        error = ran.documents[-1]["error"]
        assert "no engine is running" in error["message"]
        assert error["hint"] == "penguin worker"


def test_a_wait_with_an_engine_says_nothing(penguin: Program) -> None:
    ran = penguin("-c", "/workflow start quick --wait")
    assert "no engine" not in ran.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("line", ["/workflow start gated --wait", "/workflow start gated"])
def test_a_signal_that_ends_a_wait_says_what_continues(penguin: Program, number: signal.Signals, line: str) -> None:
    script = penguin.begin("-c", line)
    penguin.wait_for_step("gated")
    script.send_signal(number)
    _, err = script.communicate(timeout=30)
    assert script.returncode == -number
    ended = err[err.index(f"ended by {number.name}") :]
    assert re.search(r"ituv-gated-\w{6} continues until its running step ends", ended)
    assert re.search(r"or cancel it: penguin workflow cancel ituv-gated-\w{6}", ended)
    assert "Traceback" not in err


def test_a_script_that_ignores_hangups_continues(penguin: Program) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        script = penguin.begin("-c", "/workflow start gated --wait")
    finally:
        signal.signal(signal.SIGHUP, before)
    penguin.wait_for_step("gated")
    script.send_signal(signal.SIGHUP)
    (penguin.folder / "go").touch()
    script.communicate(timeout=30)
    assert script.returncode == 0
