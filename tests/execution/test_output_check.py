"""The check of output: limits on time and memory, and stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.processes import is_alive, kill
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Expectation, GateCommand, Recipe, RecipeStep
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, Stop, StopControl
from penguin.orchestration.execution.step_files import STARTED, read_mark

pytestmark = pytest.mark.timeout(60)

LINE = "a" * 40 + "b"
NESTED = "/^(a+)+$/"


def step(pattern: str, script: str = f"echo x >> runs; echo {LINE}", background: bool = False) -> RecipeStep:
    return RecipeStep("shell", script, name="slow", expect=Expectation(stdout=pattern), background=background)


def judging(workspace: AttemptWorkspace) -> list[Path]:
    """Return the start marks of check processes."""
    return list(workspace.run_dir.glob("judging-*.start.json"))


def check_process(workspace: AttemptWorkspace) -> int:
    """Return the id of the check process; 0 if there is none."""
    marks = [read_mark(str(path).removesuffix(STARTED)) for path in judging(workspace)]
    return marks[0].pid if marks and marks[0] is not None else 0


async def stopped(workspace: AttemptWorkspace, order: AttemptOrder, stop: Stop) -> tuple[AttemptResult, float]:
    """Return the result of an attempt that is stopped while it is judged, and the seconds until its end."""
    control = StopControl()
    attempt = await start_task(workspace.attempt(order, control))
    await wait_until_async(lambda: judging(workspace), "judging")
    asked = time.monotonic()
    control.request_stop(stop)
    return await attempt, time.monotonic() - asked


@pytest.mark.parametrize("pattern", [NESTED, r"/^((a+)\2?)+$/", "/^(a|a)*$/", "/^(.*a){20}$/", "/(?=(a+)+$)c?b/"])
def test_an_endless_pattern_is_an_error(workspace: AttemptWorkspace, pattern: str) -> None:
    result = workspace.run(recipe=[step(pattern)], timeout=1.5)
    assert result.verdict is Verdict.ERROR
    assert f"the pattern {pattern} did not finish within 1" in result.reason
    assert "searching standard output" in result.reason


def test_other_attempts_continue_meanwhile(workspace: AttemptWorkspace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = AttemptWorkspace(tmp_path / "other")

    async def scenario() -> AttemptResult:
        control = StopControl()
        slow = await start_task(workspace.attempt(workspace.order(recipe=[step(NESTED)]), control))
        await wait_until_async(lambda: judging(workspace), "judging")
        result = await other.attempt(other.order("true", "true"))
        assert not slow.done()
        control.request_stop(Stop.CANCEL)
        await slow
        return result

    try:
        assert asyncio.run(scenario()).verdict is Verdict.PASSED
    finally:
        for launcher in other.launchers():
            kill(launcher)


@pytest.mark.parametrize("stop", [Stop.CANCEL, Stop.NOW])
def test_judging_is_stopped_with_its_step(workspace: AttemptWorkspace, stop: Stop) -> None:
    result, seconds = asyncio.run(stopped(workspace, workspace.order(recipe=[step(NESTED)]), stop))
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, stop.value)
    assert result.steps[0].reason == "stopped before its output was judged"
    assert seconds < 5


def test_a_step_is_judged_again_and_not_run_again(workspace: AttemptWorkspace) -> None:
    order = workspace.order(recipe=[step(NESTED)], timeout=2.0)
    asyncio.run(stopped(workspace, order, Stop.NOW))
    result = asyncio.run(workspace.attempt(order, engine="two"))
    assert result.verdict is Verdict.ERROR
    assert "did not finish within" in result.reason
    assert workspace.count("runs") == 1


def test_the_next_engine_continues_judging(workspace: AttemptWorkspace) -> None:
    order = workspace.order(recipe=[step(NESTED)], timeout=4.0)
    engine = workspace.engine(order)
    asyncio.run(wait_until_async(lambda: judging(workspace), "judging"))
    engine.kill()
    engine.wait()
    result = asyncio.run(workspace.attempt(order, engine="two"))
    assert result.verdict is Verdict.ERROR
    assert "did not finish within" in result.reason
    assert (workspace.count("runs"), len(judging(workspace))) == (1, 1)


def test_a_pending_cancel_precedes_judging(workspace: AttemptWorkspace) -> None:
    async def scenario() -> AttemptResult:
        control = StopControl()
        ended = step("/x/", "trap '' TERM; touch up; while ! test -e go; do sleep 0.01; done; echo x")
        attempt = await start_task(workspace.attempt(workspace.order(recipe=[ended]), control))
        await wait_until_async((workspace.root / "up").exists, "the step")
        control.stop = Stop.CANCEL
        workspace.write("go", "")
        return await attempt

    result = asyncio.run(scenario())
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "cancel")
    assert not judging(workspace)


def test_a_background_step_is_judged_within_its_limit(workspace: AttemptWorkspace) -> None:
    server = step(NESTED, f"echo {LINE}; touch up; sleep 60", background=True)
    wait = RecipeStep("shell", "while ! test -e up; do sleep 0.01; done")
    result = workspace.run(recipe=[server, wait], timeout=3.0)
    assert result.verdict is Verdict.ERROR
    assert "did not finish within" in result.reason


def test_no_check_process_is_left(workspace: AttemptWorkspace) -> None:
    workspace.run(recipe=[step(NESTED)], timeout=1.0)
    (mark,) = judging(workspace)
    pid = int(mark.read_text().partition('"pid": ')[2].partition(",")[0])
    assert not is_alive(pid)


def test_patterns_still_match(workspace: AttemptWorkspace) -> None:
    result = workspace.run(recipes=[Recipe("a", (step("/^a+b$/"),)), Recipe("b", (step("/^b+$/"),))])
    assert [found.verdict for found in result.steps] == [Verdict.PASSED, Verdict.FAILED]
    assert result.steps[1].reason.startswith("standard output does not contain /^b+$/")


def test_a_large_output_is_searched_at_its_ends_and_the_reason_says_so(workspace: AttemptWorkspace) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo needle; head -c 3000000 /dev/zero | tr '\\0' y"
    result = workspace.run(recipes=[Recipe("a", (step("/needle/", script),)), Recipe("b", (step("/xx|yy/", script),))])
    assert [found.verdict for found in result.steps] == [Verdict.FAILED, Verdict.PASSED]
    assert "its first and last 1048576 bytes were searched" in result.steps[0].reason


def test_a_pattern_that_takes_all_memory_is_an_error(workspace: AttemptWorkspace) -> None:
    hungry = step("/^(?:(?:(?:x|y)|(?:y|x))*?)*z/", "head -c 2000000 /dev/zero | tr '\\0' x")
    result = workspace.run(recipe=[hungry], timeout=6.0)
    assert result.verdict is Verdict.ERROR
    assert "the pattern" in result.reason


def test_plain_text_is_judged_without_a_process(workspace: AttemptWorkspace) -> None:
    result = workspace.run(recipe=[step("aaab")])
    assert result.verdict is Verdict.PASSED
    assert not judging(workspace)


@pytest.mark.parametrize("pattern", ["/(/", "/a{99999999999999}/", "/" + "(" * 5000 + "/", "/" + "a" * 3000 + "/"])
def test_an_invalid_pattern_is_refused_before_the_run(workspace: AttemptWorkspace, pattern: str) -> None:
    result = workspace.run(recipe=[step(pattern)])
    assert result.impossible
    assert "regular expression" in result.reason
    assert workspace.count("runs") == 0


# --- reports ---


def report(workspace: AttemptWorkspace, script: str, timeout: float = 30.0) -> AttemptResult:
    workspace.write("write.py", script)
    return workspace.run(GateCommand("python3 write.py", report="r.xml"), timeout=timeout)


def test_a_report_with_endless_entities_is_refused(workspace: AttemptWorkspace) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 20))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]><testsuite><testcase name="&l19;"/></testsuite>'
    result = report(workspace, f"open('r.xml', 'w').write({bomb!r})")
    assert result.verdict is Verdict.UNVERIFIED
    assert "document type" in result.reason


def test_a_report_of_200_mb_is_refused(workspace: AttemptWorkspace) -> None:
    result = report(workspace, "f = open('r.xml', 'wb'); f.write(b'<testsuite>'); f.truncate(200_000_000)")
    assert result.verdict is Verdict.UNVERIFIED
    assert "JUnit report" in result.reason


def test_a_large_report_is_counted_in_a_process(workspace: AttemptWorkspace) -> None:
    cases = "'<testsuite>' + '<testcase name=\"x\"/>' * 100_000 + '</testsuite>'"
    result = report(workspace, f"open('r.xml', 'w').write({cases})")
    assert result.verdict is Verdict.PASSED
    assert result.steps[0].tests is not None
    assert result.steps[0].tests.run == 100_000
    assert len(judging(workspace)) == 1


def test_a_report_that_takes_too_long_is_an_error(workspace: AttemptWorkspace) -> None:
    workspace.write("write.py", "open('r.xml', 'w').write('<testsuite>' + '<a/>' * 24_000_000)")
    order = workspace.order(GateCommand("python3 write.py", report="r.xml"), timeout=4.0)

    async def scenario() -> AttemptResult:
        attempt = await start_task(workspace.attempt(order))
        await wait_until_async(lambda: check_process(workspace), "judging")
        # A fast machine finishes in time, a slow one does not.
        os.kill(check_process(workspace), signal.SIGSTOP)
        return await attempt

    result = asyncio.run(scenario())
    assert result.verdict is Verdict.ERROR
    assert "JUnit report r.xml did not finish within" in result.reason


def test_a_deep_report_is_counted(workspace: AttemptWorkspace) -> None:
    deep = "'<testsuite><testcase>' + '<a>' * 100_000 + '</a>' * 100_000 + '</testcase></testsuite>'"
    assert report(workspace, f"open('r.xml', 'w').write({deep})").verdict is Verdict.PASSED


def test_a_pipe_instead_of_a_report_does_not_block(workspace: AttemptWorkspace) -> None:
    assert report(workspace, "import os; os.mkfifo('r.xml')").verdict is Verdict.UNVERIFIED


# --- HTTP ---

SERVER = """
import http.server, sys
BODIES = {
    '/slow': b'a' * 40 + b'b',
    '/deep': b'{"a":' * 100000 + b'1' + b'}' * 100000,
}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        if self.path == '/large':
            try:
                for _ in range(100):
                    self.wfile.write(b'[' + b' ' * 1000000)
            except OSError:
                pass
        else:
            self.wfile.write(BODIES[self.path])
server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
open('up', 'w').close()
server.serve_forever()
"""


@pytest.mark.parametrize(
    ("path", "expect", "verdict", "reason"),
    [
        ("/slow", Expectation(stdout=NESTED), Verdict.ERROR, f"the pattern {NESTED} did not finish within"),
        ("/deep", Expectation(json={"a": 1}), Verdict.FAILED, "nested"),
        ("/large", Expectation(json={"a": 1}), Verdict.FAILED, "larger than 4000000 bytes"),
        ("/large", Expectation(stdout="needle"), Verdict.FAILED, "its first 4000000 bytes were searched"),
    ],
)
def test_responses_are_judged_within_a_limit(
    workspace: AttemptWorkspace, port: int, path: str, expect: Expectation, verdict: Verdict, reason: str
) -> None:
    workspace.write("server.py", SERVER)
    server = RecipeStep("shell", f"exec python3 server.py {port}", background=True, name="server")
    up = RecipeStep("shell", "until test -e up; do sleep 0.01; done")
    asked = RecipeStep("http", f"http://127.0.0.1:{port}{path}", within=0.2, expect=expect, timeout=5.0)
    result = workspace.run(recipe=[server, up, asked])
    assert result.steps[2].verdict is verdict, result.reason
    assert reason in result.steps[2].reason
