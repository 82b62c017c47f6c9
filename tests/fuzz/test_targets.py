"""A short form of `make fuzz`: a few inputs for every target, and the rules on inputs that break them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.fuzz.minimize import minimize
from tests.fuzz.sandbox import Problem, Sandbox
from tests.fuzz.targets import Target, all_targets

TARGETS = [target for target in all_targets() if not target.slow]
EXAMPLES = 30
"""Inputs of each target."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("fuzz") / "sandbox")
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_random_input_breaks_no_rule(sandbox: Sandbox, target: Target) -> None:
    # Without shrinking: the minimizer of `make fuzz` works on the input, hypothesis would work on the seed.
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        one = target.generate(Random(seed))
        error = target.fails(sandbox, one)
        if error is not None:
            raise AssertionError(f"{target.name}: {one!a}") from error

    check()


def test_an_unexpected_error_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penguin_commands.session.Session.reader", property(lambda self: 1 // 0))
    with pytest.raises(Problem, match="ZeroDivisionError"):
        sandbox.run("-c", "/workflow list")


def test_an_input_that_takes_too_long_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.sandbox.PATIENCE", 0.2)
    with pytest.raises(Problem, match="takes"), sandbox.watch():
        time.sleep(60)


def test_a_write_elsewhere_and_another_program_are_found_and_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="writes"), sandbox.watch(), pytest.raises(PermissionError):
        (tmp_path / "file").write_text("x")
    assert not (tmp_path / "file").exists()
    with pytest.raises(Problem, match="starts sh"), sandbox.watch(), pytest.raises(PermissionError):
        os.posix_spawn("/bin/sh", ["sh"], {})


def test_control_characters_in_messages_are_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penguin_repl.render.error.clean_block", lambda text: "\x1b[2J")
    with pytest.raises(Problem, match="standard error has"):
        sandbox.run("nosuch")


def test_the_smallest_input_is_found() -> None:
    assert minimize("abcXdefYghi", lambda text: "X" in text and "Y" in text) == "XY"
    assert minimize(b"aaaa\0aaaa", lambda data: b"\0" in data) == b"\0"
    assert minimize(("abc", "dXe", "f"), lambda parts: any("X" in part for part in parts)) == ("X",)


def test_the_same_seed_makes_the_same_input() -> None:
    for target in all_targets():
        assert target.generate(Random(7)) == target.generate(Random(7)), target.name
