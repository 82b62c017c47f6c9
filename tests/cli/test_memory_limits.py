"""The program under a limit on its memory (`ulimit -v`): it works, or it says what it lacks."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.support.program import Program

OWN = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmPeak')))"
CODES = (0, 1, 5)


@pytest.fixture(scope="module")
def bare() -> int:
    """The address space of a Python that does nothing, in kB."""
    return int(subprocess.run([sys.executable, "-c", OWN], capture_output=True, text=True, check=True).stdout)


def limit_to(kilobytes: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (kilobytes << 10, kilobytes << 10))

    return limit


@pytest.mark.parametrize("more", [8, 13, 24, 40, 64])
def test_without_memory_it_says_so(penguin: Program, bare: int, more: int) -> None:
    done = subprocess.run(
        [*penguin.command, "-c", "/workflow start quick --wait"],
        cwd=penguin.folder,
        env=penguin.environment,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit_to(bare + (more << 10)),
        check=False,
    )
    assert done.returncode in CODES, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert "unexpected" not in done.stderr
    if done.returncode:
        assert "memory" in done.stderr.lower(), done.stderr
    # What was recorded is whole, and continues where there is memory.
    assert penguin("check").code == 0
    assert penguin("-c", "/workflow list").code == 0
