"""The verdicts of real steps. A gate fails closed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from tests.execution.attempt_workspace import AttemptWorkspace
from tests.support.git_repository import git

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.definition import Criterion, GateCommand, Recipe, RecipeStep
from penguin.orchestration.core.results import TestCounts

MIXED = """
import pytest
def test_a(): pass
def test_b(): assert 0
@pytest.mark.skip
def test_c(): pass
"""
MUTED = """
import pytest
@pytest.mark.xfail
def test_a(): assert 0
@pytest.mark.xfail(run=False)
def test_b(): assert 0
@pytest.mark.xfail(strict=True)
def test_strict(): pass
@pytest.mark.skip
def test_d(): pass
"""


@pytest.mark.parametrize(
    ("command", "verdict", "says"),
    [
        ("true", Verdict.PASSED, ""),
        ("echo wrong; exit 3", Verdict.FAILED, "exit 3: wrong"),
        ("exit 126", Verdict.ERROR, "could not be run (exit 126)"),
        ("no-such-program-here", Verdict.ERROR, "could not be run (exit 127)"),
        ("kill -KILL $$", Verdict.ERROR, "ended by SIGKILL"),
        ("sh -c 'kill -TERM $$'; exit $?", Verdict.ERROR, "ended by SIGTERM"),
    ],
)
def test_an_exit_code_decides(workspace: AttemptWorkspace, command: str, verdict: Verdict, says: str) -> None:
    result = workspace.run(command)
    assert result.verdict is verdict
    assert says in result.reason


def test_all_steps_run_and_the_worst_decides(workspace: AttemptWorkspace) -> None:
    result = workspace.run("exit 1", "nonsense-here", "echo end > end; exit 0")
    assert [step.verdict for step in result.steps] == [Verdict.FAILED, Verdict.ERROR, Verdict.PASSED]
    assert result.verdict is Verdict.ERROR
    assert result.reason.startswith("nonsense-here: could not be run")
    assert workspace.read("end") == "end\n"


def test_implement_stops_at_its_first_failing_step(workspace: AttemptWorkspace) -> None:
    result = workspace.run("exit 1", "touch never", phase=WorkflowPhase.IMPLEMENT)
    assert [step.verdict for step in result.steps] == [Verdict.FAILED, Verdict.SKIPPED]
    assert result.verdict is Verdict.FAILED
    assert not (workspace.root / "never").exists()


def test_implement_continues_after_a_criterion_that_cannot_be_checked(workspace: AttemptWorkspace) -> None:
    result = workspace.run(
        criteria=[Criterion("prose"), Criterion("made", "touch made")], phase=WorkflowPhase.IMPLEMENT
    )
    assert [step.verdict for step in result.steps] == [Verdict.UNVERIFIED, Verdict.PASSED]


def test_nothing_to_run_is_unverified(workspace: AttemptWorkspace) -> None:
    for result, says in (
        (workspace.run(), "nothing to run: phases.test names no command"),
        (workspace.run(recipes=[]), "no recipe: task t has none"),
        (workspace.run(criteria=[]), "no acceptance criterion: task t has none"),
        (workspace.run(recipes=[Recipe("empty", ())]), "recipe empty has no steps"),
    ):
        assert result.verdict is Verdict.UNVERIFIED
        assert says in result.reason
        assert not result.executed_nothing


def test_commands_and_criteria_can_be_combined(workspace: AttemptWorkspace) -> None:
    result = workspace.run("true", criteria=[])
    assert result.verdict is Verdict.PASSED


def test_a_criterion_without_a_check_is_unverified(workspace: AttemptWorkspace) -> None:
    criteria = [Criterion("It adds", "test $((1 + 1)) = 2"), Criterion("It is beautiful")]
    result = workspace.run(criteria=criteria, phase=WorkflowPhase.VERIFY)
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, Verdict.UNVERIFIED]
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIED, 'no check for "It is beautiful"')


def test_an_agent_is_unknown_and_a_bad_recipe_impossible(workspace: AttemptWorkspace) -> None:
    result = workspace.run(agent="claude")
    assert (result.verdict, result.impossible, result.reason) == (Verdict.ERROR, True, "unknown agent 'claude'")
    result = workspace.run(recipe=[RecipeStep("telnet", "x")])
    assert result.impossible
    assert "unknown kind of step 'telnet'" in result.reason


@pytest.fixture
def bare_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins take half the time of a small test run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")


@pytest.mark.usefixtures("bare_pytest")
def test_pytest_is_counted(workspace: AttemptWorkspace) -> None:
    workspace.write("test_mixed.py", MIXED)
    result = workspace.run(
        "python3 -m pytest -q test_mixed.py", "pytest -q test_mixed.py -k test_c", "pytest -q -k zzz"
    )
    mixed, skipped, deselected = result.steps
    assert mixed.tests is not None
    assert (mixed.tests.run, mixed.tests.failed, mixed.tests.skipped) == (2, 1, 1)
    assert (mixed.verdict, mixed.reason) == (Verdict.FAILED, "test_b failed, 1 of 2")
    assert skipped.verdict is Verdict.UNVERIFIED
    assert skipped.reason == "no test was executed: 1 skipped"
    assert (deselected.exit_code, deselected.verdict) == (5, Verdict.UNVERIFIED)
    assert result.reason == "test_b failed, 1 of 2 (python3 -m pytest -q test_mixed.py)"


PARAMETRIZED = """
import pytest
@pytest.mark.parametrize("text", ["a b", "c::d", "e [f]"])
def test_kebabize(text): assert text == "a b"
def test_other(): pass
"""


@pytest.mark.usefixtures("bare_pytest")
def test_a_failed_test_is_named_without_its_parameters(workspace: AttemptWorkspace) -> None:
    workspace.write("test_many.py", PARAMETRIZED)
    # Without a report, the names are in the output.
    result = workspace.run("pytest -q test_many.py", "PYTEST_ADDOPTS= pytest -q test_many.py")
    counted, uncounted = result.steps
    assert counted.reason == "test_kebabize[…] and 1 more of 4 failed"
    assert uncounted.reason == "test_kebabize[…] and 1 more of 4 failed"
    assert uncounted.tests == counted.tests, "by the summary of the output"


@pytest.mark.usefixtures("bare_pytest")
def test_a_file_that_cannot_be_imported_is_named(workspace: AttemptWorkspace) -> None:
    workspace.write("test_broken.py", "import no_such_module")
    (step,) = workspace.run("pytest -q test_broken.py").steps
    assert step.reason == "test_broken had an error, 1 of 1"


def test_the_failed_test_of_another_runner_is_named(workspace: AttemptWorkspace) -> None:
    workspace.write("test_it.py", "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): self.fail()\n")
    result = workspace.run("python3 -m unittest test_it", "echo 'FAIL: test_it (x)'; exit 1")
    tests, other = result.steps
    assert (tests.verdict, tests.reason) == (Verdict.FAILED, "test_it failed, 1 of 1")
    # A command that runs no tests.
    assert other.reason == "exit 1: FAIL: test_it (x)"


def test_a_long_reason_ends_between_words(workspace: AttemptWorkspace) -> None:
    workspace.write("many.sh", f"echo {'word ' * 50}; exit 1")
    result = workspace.run(f"sh many.sh {'argument ' * 12}")
    assert len(result.reason) < 300
    assert result.reason.endswith(("word…", "argument…", "word"))


@pytest.mark.usefixtures("bare_pytest")
def test_a_run_without_tests_says_so(workspace: AttemptWorkspace) -> None:
    workspace.write("test_none.py", "")
    result = workspace.run("pytest -q test_none.py")
    assert (result.verdict, result.executed_nothing) == (Verdict.UNVERIFIED, True)


@pytest.mark.usefixtures("bare_pytest")
def test_xfailed_tests_alone_do_not_pass(workspace: AttemptWorkspace) -> None:
    workspace.write("test_muted.py", MUTED)
    result = workspace.run("pytest -q test_muted.py", "pytest -q test_muted.py -k 'not strict'")
    strict, muted = result.steps
    assert strict.verdict is Verdict.FAILED
    assert strict.tests == TestCounts(run=1, failed=1, skipped=1, xfailed=2)
    assert (muted.exit_code, muted.verdict) == (0, Verdict.UNVERIFIED)
    assert muted.reason == "no test was executed: 1 skipped, 2 xfailed"


@pytest.mark.usefixtures("bare_pytest")
@pytest.mark.parametrize(
    "command",
    ["CI=1 pytest -q", "cd . && pytest -q", "env X=1 timeout 60 python3 -m pytest -q", "sh -c 'pytest -q' | tail -n 1"],
)
def test_a_run_that_skips_every_test_does_not_pass(workspace: AttemptWorkspace, command: str) -> None:
    workspace.write("test_muted.py", "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n")
    result = workspace.run(command)
    assert (result.verdict, result.executed_nothing) == (Verdict.UNVERIFIED, True)
    assert result.reason.endswith("no test was executed: 1 skipped")


@pytest.mark.usefixtures("bare_pytest")
def test_tests_of_a_check_are_counted(workspace: AttemptWorkspace) -> None:
    workspace.write("test_mixed.py", MIXED)
    checks = [Criterion("It runs", "pytest -q -k test_a"), Criterion("It is skipped", "pytest -q -k test_c")]
    result = workspace.run(criteria=checks, phase=WorkflowPhase.VERIFY)
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, Verdict.UNVERIFIED]


@pytest.mark.usefixtures("bare_pytest")
def test_a_run_without_its_report_does_not_pass(workspace: AttemptWorkspace) -> None:
    workspace.write("test_mixed.py", MIXED)
    result = workspace.run("PYTEST_ADDOPTS= pytest -q -k test_a")
    assert result.verdict is Verdict.UNVERIFIED
    assert "report: FILE" in result.reason


@pytest.mark.usefixtures("bare_pytest")
def test_the_users_options_and_report_are_used(workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k test_a")
    workspace.write("test_mixed.py", MIXED)
    result = workspace.run("pytest -q test_mixed.py --junitxml=own.xml | tail -n 1")
    (step,) = result.steps
    assert step.tests is not None
    assert (step.verdict, step.tests.run) == (Verdict.PASSED, 1)
    assert (workspace.root / "own.xml").exists()


SKIPPED = "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"
HIDDEN_RUNS = [
    "P=pytest; $P -q",
    "P='python3 -m pytest'; ${P} -q",
    "python3 -c 'import pytest, sys; sys.exit(pytest.main([\"-q\"]))'",
    "sh <<END\npytest -q\nEND",
    "python3 - <<END\nimport pytest\npytest.main(['-q'])\nEND",
    "echo test_a.py | xargs pytest -q",
    "find . -name 'test_*.py' -exec pytest -q {} +",
    "make test",
    "echo 'pytest -q' | sh",
    "./run-it",
    'eval "$(echo pytest) -q"',
]


@pytest.mark.usefixtures("bare_pytest")
@pytest.mark.parametrize("command", HIDDEN_RUNS)
def test_a_hidden_test_run_is_counted(workspace: AttemptWorkspace, command: str) -> None:
    workspace.write("test_a.py", SKIPPED)
    workspace.write("Makefile", "test:\n\tpytest -q\n")
    workspace.write("run-it", "#!/bin/sh\nexec pytest -q\n")
    (workspace.root / "run-it").chmod(0o755)
    result = workspace.run(command)
    assert (result.verdict, result.executed_nothing) == (Verdict.UNVERIFIED, True)
    assert result.reason.endswith("no test was executed: 1 skipped")


def test_implement_may_show_the_summary_of_an_earlier_run(workspace: AttemptWorkspace) -> None:
    workspace.write("evidence.txt", "1 skipped in 0.19s\n")
    shown = workspace.run("cat evidence.txt", phase=WorkflowPhase.IMPLEMENT)
    assert (shown.verdict, shown.steps[0].tests) == (Verdict.PASSED, None)
    tested = workspace.run("cat evidence.txt")
    assert tested.verdict is Verdict.UNVERIFIED


@pytest.mark.usefixtures("bare_pytest")
def test_failures_of_a_hidden_test_run_are_not_ignored(workspace: AttemptWorkspace) -> None:
    workspace.write("test_mixed.py", MIXED)
    result = workspace.run("python3 -c 'import pytest; pytest.main([\"-q\"])'")
    assert (result.verdict, result.steps[0].exit_code) == (Verdict.FAILED, 0)
    assert result.reason.startswith("test_b failed, 1 of 2 (python3 ")


@pytest.mark.usefixtures("bare_pytest")
def test_a_recipe_step_that_skips_every_test_does_not_pass(workspace: AttemptWorkspace) -> None:
    workspace.write("test_a.py", SKIPPED)
    steps = [RecipeStep("shell", "pytest -q"), RecipeStep("shell", "true")]
    result = workspace.run(recipe=steps, phase=WorkflowPhase.USE)
    assert [step.verdict for step in result.steps] == [Verdict.UNVERIFIED, Verdict.SKIPPED]


@pytest.mark.usefixtures("bare_pytest")
@pytest.mark.parametrize(
    "option", ["--setup-plan", "--setup-only", "--fixtures", "--co", "--collect-only", "--markers"]
)
@pytest.mark.parametrize("place", ["command", "variable", "file"])
def test_options_that_run_no_test_do_not_pass(
    workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    workspace.write("test_a.py", "def test_a(): assert 0\n")
    if place == "variable":
        monkeypatch.setenv("PYTEST_ADDOPTS", f"-p no:cacheprovider {option}")
    if place == "file":
        workspace.write("pytest.ini", f"[pytest]\naddopts = {option}\n")
    result = workspace.run(f"pytest -q {option}" if place == "command" else "pytest -q")
    assert result.verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ("Ran 3 tests in 0.001s\n\nOK (skipped=3)", Verdict.UNVERIFIED),
        ("test result: ok. 0 passed; 0 failed; 3 ignored; 0 measured", Verdict.UNVERIFIED),
        ("Ran 3 tests in 0.001s\n\nOK (skipped=1)", Verdict.PASSED),
        ("3 files left unchanged", Verdict.PASSED),
    ],
)
def test_a_summary_at_the_end_of_the_output_is_counted(
    workspace: AttemptWorkspace, output: str, verdict: Verdict
) -> None:
    workspace.write("output", f"{output}\n")
    (step,) = workspace.run("cat output >&2").steps
    assert step.verdict is verdict
    assert (step.tests is None) == ("files" in output)


def report(failures: int) -> str:
    bad = "<failure/>" if failures else ""
    return f'<testsuite><testcase name="a"/><testcase name="b">{bad}</testcase></testsuite>'


def test_report_and_exit_code_must_both_pass(workspace: AttemptWorkspace) -> None:
    workspace.write("bad.xml", report(1))
    workspace.write("good.xml", report(0))
    result = workspace.run(
        GateCommand("cp bad.xml r1.xml", report="r1.xml"),
        GateCommand("cp good.xml r2.xml", report="r2.xml"),
        GateCommand("cp good.xml r3.xml; exit 2", report="r3.xml"),
        GateCommand("true", report="r4.xml"),
        GateCommand("echo nonsense > r5.xml", report="r5.xml"),
    )
    verdicts = [step.verdict for step in result.steps]
    assert verdicts == [Verdict.FAILED, Verdict.PASSED, Verdict.FAILED, Verdict.UNVERIFIED, Verdict.UNVERIFIED]
    assert result.steps[2].reason == "exit 2 (all 2 tests passed)"
    assert "was not written" not in result.steps[4].reason


@pytest.mark.parametrize(
    "command",
    [
        "mv old.xml report.xml",
        "ln old.xml report.xml",
        "ln -s old.xml report.xml",
        "cp -p old.xml report.xml",
        "cp same.xml report.xml",
        "cat same.xml > report.xml",
        "ln -s same.xml report.xml; touch same.xml",
        "mv same.xml report.xml; touch report.xml",
        "git checkout -q report.xml",
        "cp .penguin/runs/*/*/*earlier* report.xml || cp same.xml report.xml",
    ],
)
def test_a_report_that_comes_back_does_not_count(workspace: AttemptWorkspace, command: str) -> None:
    for name in ("report.xml", "same.xml"):
        workspace.write(name, report(0))
    workspace.write("old.xml", report(0).replace('"a"', '"c"'))
    for name in ("report.xml", "same.xml", "old.xml"):
        os.utime(workspace.root / name, (1_000_000_000.5, 1_000_000_000.5))
    git(workspace.root, "init", "-q")
    git(workspace.root, "add", "*.xml")
    git(workspace.root, "commit", "-qm", "start")
    result = workspace.run(GateCommand(command, report="report.xml"))
    assert (result.verdict, result.executed_nothing) == (Verdict.UNVERIFIED, False)
    assert "older than this run" in result.reason or "byte for byte" in result.reason


def test_a_new_report_counts_in_every_attempt(workspace: AttemptWorkspace) -> None:
    workspace.write("report.xml", report(0))
    command = 'printf \'<testsuite time="%s"><testcase/></testsuite>\' "$(date +%N)" > report.xml'
    assert workspace.run(GateCommand(command, report="report.xml")).verdict is Verdict.PASSED


def test_a_report_from_before_does_not_count(workspace: AttemptWorkspace) -> None:
    workspace.write("report.xml", report(0))
    result = workspace.run(GateCommand("true", report="report.xml"))
    assert (result.verdict, result.executed_nothing) == (Verdict.UNVERIFIED, False)
    assert "its JUnit report was not written" in result.reason
    assert workspace.read("report.xml") == report(0)


def test_a_report_that_is_only_touched_or_appended_to_does_not_count(workspace: AttemptWorkspace) -> None:
    workspace.write("touched.xml", report(0))
    workspace.write("appended.xml", report(0))
    result = workspace.run(
        GateCommand("touch touched.xml", report="touched.xml"),
        GateCommand("echo >> appended.xml", report="appended.xml"),
    )
    assert [step.verdict for step in result.steps] == [Verdict.UNVERIFIED, Verdict.UNVERIFIED]


def test_a_report_with_the_content_of_the_earlier_one_does_not_count(workspace: AttemptWorkspace) -> None:
    workspace.write("good.xml", report(0))
    workspace.write("report.xml", report(0))
    result = workspace.run(GateCommand("cat good.xml > report.xml", report="report.xml"))
    assert result.verdict is Verdict.UNVERIFIED
    assert "byte for byte" in result.reason


def test_a_time_out_is_an_error_and_the_budget_is_the_attempts(workspace: AttemptWorkspace) -> None:
    result = workspace.run("sleep 0.3", GateCommand("sleep 60", timeout=0.2), "sleep 60", "true", timeout=3.0)
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, *[Verdict.ERROR] * 3]
    assert result.steps[1].reason == "timed out after 0.2 s"
    assert result.steps[2].duration < 3.0
    assert "time-out of" in result.steps[3].reason
    assert result.reason.endswith("(and 2 more)")


def test_steps_find_the_task_in_their_environment(workspace: AttemptWorkspace) -> None:
    script = 'env | grep ^PENGUIN_ | sort; cat "$PENGUIN_FEEDBACK_FILE" "$PENGUIN_EVIDENCE_FILE"; pwd'
    result = workspace.run(script, feedback=("Use bcrypt; rm -rf $HOME",), evidence="it failed")
    log = workspace.read(result.steps[0].output or "")
    for line in (
        "PENGUIN_TASK_ID=t",
        "PENGUIN_WORKFLOW_ID=ituv-t-abc123",
        "PENGUIN_PHASE=TEST",
        "PENGUIN_ATTEMPT=1",
        f"PENGUIN_WORKSPACE={workspace.root}",
        "Use bcrypt; rm -rf $HOMEit failed",
    ):
        assert line in log
    # These tests may themselves be run by a step.
    outer = sum(name.startswith("PENGUIN_STEP_") for name in os.environ)
    assert log.count("PENGUIN_STEP_") == outer + 1
    assert json.loads((workspace.run_dir / "task.json").read_text())["id"] == "t"


def test_artifacts_are_left_or_declared_files(workspace: AttemptWorkspace) -> None:
    outside = workspace.root.parent / "outside.txt"
    outside.write_text("secret")
    result = workspace.run(
        'mkdir "$PENGUIN_ARTIFACTS_DIR/sub"; echo 1 > "$PENGUIN_ARTIFACTS_DIR/sub/a"; mkdir out; echo 2 > out/b.txt;'
        f"ln -s {outside} out/c.txt; ln -s {outside.parent} out/up",
        artifacts=("out/*.txt", "../*.txt", "/etc/host*"),
    )
    assert result.artifacts == (".penguin/runs/ituv-t-abc123/artifacts/1-TEST/sub/a", "out/b.txt")


def test_files_of_a_run_are_private(workspace: AttemptWorkspace) -> None:
    workspace.run("echo hi", recipe=[RecipeStep("shell", "echo ho")])
    for folder, _, names in os.walk(workspace.root / ".penguin"):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700, folder
        for name in names:
            assert stat.S_IMODE((Path(folder) / name).stat().st_mode) == 0o600, name


def test_steps_have_the_users_umask(workspace: AttemptWorkspace) -> None:
    mask = os.umask(0o022)
    try:
        workspace.run("touch made; umask")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((workspace.root / "made").stat().st_mode) == 0o644
