"""No process of a step survives the step."""

from __future__ import annotations

import asyncio

from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.processes import is_alive
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.execution.runner_api import Stop, StopControl

STUBBORN = "import os, signal, time; os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); "
DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(sys.argv[1], 'w').write(str(os.getpid()))
time.sleep(600)
"""


def pid_in(workspace: AttemptWorkspace, name: str) -> int:
    try:
        return int(workspace.read(name) or 0)
    except FileNotFoundError:
        return 0


def test_a_time_out_ends_a_child_with_a_session_of_its_own_that_ignores_sigterm(workspace: AttemptWorkspace) -> None:
    workspace.write("stubborn.py", STUBBORN + "open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    result = workspace.run("python3 stubborn.py & sleep 600", timeout=1.0)
    assert result.verdict is Verdict.ERROR
    pid = pid_in(workspace, "pid")
    assert pid
    assert not is_alive(pid)
    assert result.steps[0].survivors == ()


def test_sigterm_comes_first(workspace: AttemptWorkspace) -> None:
    result = workspace.run("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done", timeout=0.5)
    assert result.verdict is Verdict.ERROR
    assert "bye" in result.steps[0].excerpt


def test_remaining_processes_of_a_step_are_killed(workspace: AttemptWorkspace) -> None:
    workspace.write("daemon.py", DAEMON)
    result = workspace.run(
        "sleep 600 & echo $! > plain",
        "setsid sh -c 'echo $$ > session; exec sleep 600' & while ! test -s session; do :; done",
        "python3 daemon.py daemon; while ! test -s daemon; do :; done",
        "env -i /usr/bin/env python3 daemon.py nameless; while ! test -s nameless; do :; done",
    )
    assert result.verdict is Verdict.PASSED
    for name in ("plain", "session", "daemon", "nameless"):
        assert pid_in(workspace, name), name
        assert not is_alive(pid_in(workspace, name)), name


def test_parallel_steps_have_separate_process_trees(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        phases = workspace.phases()
        one = workspace.order(
            "sleep 600 & echo $! > pid; setsid sleep 600 & while ! test -e go; do sleep 0.02; done; kill -0 $(cat pid)"
        )
        control = StopControl()
        long = await start_task(phases.run(one, control))
        await wait_until_async(lambda: pid_in(workspace, "pid"), "the first step")
        workspace.run_dir = workspace.run_dir.with_name("2-TEST")
        assert (await phases.run(workspace.order("setsid sleep 600 & exit 0"), StopControl())).verdict is Verdict.PASSED
        assert is_alive(pid_in(workspace, "pid"))
        workspace.write("go", "")
        assert (await long).verdict is Verdict.PASSED
        assert not is_alive(pid_in(workspace, "pid"))
        await phases.aclose()

    asyncio.run(scenario())


def test_cancel_ends_the_whole_tree(workspace: AttemptWorkspace) -> None:
    workspace.write("stubborn.py", STUBBORN + "open('pid', 'w').write(str(os.getpid())); time.sleep(600)")

    async def scenario() -> None:
        control = StopControl()
        attempt = await start_task(workspace.attempt(workspace.order("python3 stubborn.py & sleep 600"), control))
        await wait_until_async(lambda: pid_in(workspace, "pid"), "the step")
        control.request_stop(Stop.CANCEL)
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "cancel")
        assert result.steps[0].verdict is Verdict.INTERRUPTED
        assert not is_alive(pid_in(workspace, "pid"))

    asyncio.run(scenario())
