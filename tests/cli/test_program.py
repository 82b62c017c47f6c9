"""The real program: options, scripts, exit codes, standard output and standard error."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.waiting import wait_until

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_the_quick_start(empty: Program) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=empty.folder, check=True)
    made = empty("init")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("written: penguin.yaml\nwritten: blueprints/example.md\n")
    ran = empty(script="/workflow start hello-script\n/workflow list\n")
    assert ran.code == 0
    started, workflow_id, header, row = ran.out.splitlines()
    assert started == "Started ITUV workflow for task hello-script"
    assert re.fullmatch(r"workflow_id: ituv-hello-script-[0-9a-f]{6}", workflow_id)
    assert header.split() == ["WORKFLOW", "STATUS", "PHASE", "DONE", "STARTED"]
    assert row.startswith(workflow_id.split()[1])
    assert f"{workflow_id.split()[1]} COMPLETED" in ran.err
    status = empty("-c", "/workflow status hello-script").out.splitlines()
    assert status[:4] == [f"Workflow {workflow_id.split()[1]}", "Status: COMPLETED", "Phase: DONE", "Progress: 100%"]
    assert re.fullmatch(f"Started: {STAMP}", status[4])


def test_init_overwrites_nothing(penguin: Program) -> None:
    before = (penguin.folder / "penguin.yaml").read_text()
    ran = penguin("init", "-o", "json")
    assert (penguin.folder / "penguin.yaml").read_text() == before
    (document,) = ran.documents
    assert [file["state"] for file in document["files"]] == ["kept"]
    assert document["notes"] == ["tasks: tasks.md"]
    assert document["next"] == "penguin task ready"


@pytest.mark.parametrize("option", ["json", "jsonl"])
def test_json_prints_one_document_for_each_command(penguin: Program, option: str) -> None:
    script = "/workflow start quick\n/workflow wait @last\n/workflow status quick\n/workflow list\n/health\n/nope\n"
    ran = penguin("-o", option, script=script)
    assert ran.code == 2
    started, waited, status, listed, health, error = (document for document in ran.documents if "event" not in document)
    assert started["task_id"] == "quick"
    assert status["status"] == "COMPLETED"
    rows = [waited, listed] if option == "jsonl" else [waited["workflows"][0], listed["workflows"][0]]
    assert {row["workflow_id"] for row in rows} == {started["workflow_id"]}
    assert health["connected"] is True
    assert error["error"]["code"] == "usage"
    assert "<stdin>:6: unknown command '/nope'" in ran.err


def test_start_and_wait_are_one_command_and_one_document(penguin: Program) -> None:
    ran = penguin("-o", "json", "-c", "/workflow start quick --wait")
    (document,) = ran.documents
    assert document["task_id"] == "quick"
    assert document["workflows"][0]["status"] == "COMPLETED"
    text = penguin("-c", "/workflow start after --wait").out.splitlines()
    assert text[0] == "Started ITUV workflow for task after"
    assert text[2] == f"{text[1].split()[1]} COMPLETED"


def test_a_failed_wait_still_names_started_workflows(penguin: Program) -> None:
    ran = penguin("-c", "/workflow start person --wait")
    assert ran.code == 5
    assert ran.out.startswith("Started ITUV workflow for task person\nworkflow_id: ituv-person-")
    assert "-c:1: not COMPLETED: ituv-person-" in ran.err
    assert "/workflow approve ituv-person-" in ran.err
    (document,) = penguin("-o", "json", "-c", "/workflow wait person").documents
    assert document["error"]["workflows"][0]["status"] == "BLOCKED"


EXITS = [
    ("/workflow list", 0, ""),
    ("/workflow start quick", 0, ""),
    ("/workflow status nope", 1, "there is no workflow 'nope'"),
    ("/workflow start qick", 1, "did you mean 'quick'?"),
    ("/workflow strat quick", 2, "did you mean start?"),
    ("/workflow start quick --wiat", 2, "did you mean --wait?"),
    ("/workflow start gated --wait --timeout 0.2", 4, "is still"),
    ("/workflow start person", 5, "is BLOCKED"),
    ("/workflow start wrong", 5, "is BLOCKED"),
    ("/workflow start after", 1, "--with-deps"),
    ("/workflow status @last", 1, "this session has started no workflow"),
    ("/workflow status @first", 2, "@last"),
    ("/blueprint show nope", 1, "unknown blueprint 'nope'"),
    ("/blueprint lint", 0, ""),
]


@pytest.mark.parametrize(("line", "code", "message"), EXITS, ids=[line for line, *_ in EXITS])
def test_exit_codes(penguin: Program, line: str, code: int, message: str) -> None:
    ran = penguin("-c", line)
    assert (ran.code, message in ran.err) == (code, True), ran
    errors = [text for text in ran.err.splitlines() if text.startswith("-c:")]
    assert len(errors) == (1 if code in (1, 2, 4) else 0)


def test_dependencies_and_whole_blueprints(penguin: Program) -> None:
    ran = penguin("-c", "/workflow start after --with-deps")
    assert ran.code == 0
    assert ran.out.splitlines()[::2] == [f"Started ITUV workflow for task {task}" for task in ("after", "quick")]
    (penguin.folder / "go").touch()
    ran = penguin("-c", "/blueprint run basics")
    assert ran.code == 5
    assert ran.out.splitlines()[::2] == [
        f"Started ITUV workflow for task {task}" for task in ("gated", "person", "wrong")
    ]
    assert penguin("-c", "/workflow approve person --by Ada --note 'looked at it'").code == 0


def test_a_script_stops_at_its_first_error_and_says_where(penguin: Program) -> None:
    script = penguin.folder / "backlog.pen"
    script.write_text("# a comment\n\n/workflow list # another\n/workflow status 'no such' \n/workflow start quick\n")
    ran = penguin("backlog.pen")
    assert (ran.code, ran.out) == (1, "No workflows.\n")
    assert ran.err.startswith("backlog.pen:4: there is no workflow 'no such'")
    assert penguin("-c", "/workflow list").out == "No workflows.\n"
    assert penguin("-", script=script.read_text()).err.startswith("<stdin>:4: ")


def test_keep_going_exits_with_the_first_error(penguin: Program) -> None:
    ran = penguin("--keep-going", script="/nope\n/workflow status x\n/workflow start quick\n/workflow wait quick\n")
    assert ran.code == 2
    assert "<stdin>:1: " in ran.err
    assert "<stdin>:2: " in ran.err
    assert ran.out.endswith(" COMPLETED\n")


def test_after_an_error_the_next_engine_continues_started_workflows(penguin: Program) -> None:
    ran = penguin(script="/workflow start gated\n/nope\n")
    assert ran.code == 2
    assert "the next engine continues: ituv-gated-" in ran.err
    (penguin.folder / "go").touch()
    assert penguin("-c", "/workflow resume gated").code == 0


def test_a_script_waits_for_retried_workflows(penguin: Program) -> None:
    assert penguin("-c", "/workflow start wrong").code == 5
    tasks = penguin.folder / "tasks.md"
    tasks.write_text(tasks.read_text().replace("check: false", "check: true"))
    ran = penguin("-c", "/workflow retry wrong")
    assert ran.code == 0
    assert "Retry of ituv-wrong-" in ran.out
    assert re.search(r"^Differs: .*check", ran.out, re.MULTILINE)
    table = penguin("-c", "/workflow list --task wrong").out
    assert re.findall("COMPLETED|CANCELLED", table) == ["COMPLETED", "CANCELLED"]


def test_feedback_resume_and_history(penguin: Program) -> None:
    assert penguin("-c", "/workflow start wrong").code == 5
    (penguin.folder / "tasks.md").chmod(0o644)
    ran = penguin(
        "-c", "/workflow feedback wrong look at #12", "-c", "/workflow resume wrong", "-c", "/workflow history wrong"
    )
    assert ran.code == 5
    assert "feedback queued" in ran.out
    assert "look at #12" in ran.out
    assert "with 1 piece of feedback" in penguin("-c", "/workflow history wrong").out


def test_detach_runs_nothing_and_waits_for_nothing(penguin: Program) -> None:
    ran = penguin("--detach", "-c", "/workflow start quick")
    assert ran.code == 0
    assert "no engine is running" in ran.err
    assert "Status: PENDING" in penguin("-c", "/workflow status quick").out
    assert penguin("--detach", "-c", "/workflow start after --wait").code == 2
    assert penguin("-c", "/workflow resume quick", "-c", "/workflow wait quick").code == 0


def test_pause_and_cancel(penguin: Program) -> None:
    lines = ["start gated", "pause gated --now", "wait gated --for paused", "cancel @last"]
    ran = penguin(script="".join(f"/workflow {line}\n" for line in lines))
    assert ran.code == 5
    assert "Paused ituv-gated-" in ran.out
    assert re.search("Cancell(ed|ing) ituv-gated-", ran.out)
    assert "is CANCELLED" in ran.err


def test_a_script_waits_until_a_workflow_is_cancelled(penguin: Program) -> None:
    lines = ["start gated", "wait gated --for running", "cancel @last", "status @last"]
    ran = penguin(script="".join(f"/workflow {line}\n" for line in lines))
    assert "Cancelled ituv-gated-" in ran.out
    assert "Status: CANCELLED" in ran.out


def test_logs_of_an_attempt(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    assert penguin("-c", "/workflow logs quick --phase test").out == "==> TEST attempt 2: echo tested <==\ntested\n"
    assert penguin("-c", "/workflow logs quick --attempt 1").out == "==> IMPLEMENT attempt 1: echo done <==\ndone\n"
    (document,) = penguin("-o", "json", "-c", "/workflow logs quick --phase test").documents
    assert document["logs"][0]["tail"] == "tested\n"
    missing = penguin("-c", "/workflow logs quick --attempt 9")
    assert missing.code == 1
    assert "attempts with output: 1 (IMPLEMENT)" in missing.err


def test_logs_are_followed_until_the_workflow_stops(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    following = penguin.begin("-c", "/workflow logs quick -f")
    assert penguin("-c", "/workflow resume quick").code == 0
    out, err = following.communicate(timeout=30)
    assert following.returncode == 0
    assert re.search("^ituv-quick-[0-9a-f]{6}: TEST attempt 2 started$", err, re.MULTILINE)
    assert re.search("^ituv-quick-[0-9a-f]{6} COMPLETED\n\\Z", err, re.MULTILINE)
    assert re.findall("^(?:done|tested)$", out, re.MULTILINE) == ["done", "tested"]


def test_a_large_log_costs_no_memory(penguin: Program) -> None:
    (penguin.folder / "penguin.yaml").write_text(
        "project: {id: shop}\nblueprints: [tasks.md]\n"
        "phases: {implement: {run: [head -c 60000000 /dev/zero | tr '\\0' x]}, test: {run: ['true']}, use: skip}\n"
    )
    assert penguin("-c", "/workflow start quick").code == 0
    command = [*penguin.command, "-c", "/workflow logs quick --phase implement"]
    with subprocess.Popen(command, cwd=penguin.folder, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        size = 0
        while output := reading.stdout.read(1 << 20):
            size += len(output)
            status = Path(f"/proc/{reading.pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            assert peak is None or int(peak[1]) < 60_000
    assert size > 60_000_000


def test_without_a_workspace_init_is_suggested(empty: Program) -> None:
    for line in ("/workflow list", "/workflow start x", "/task list", "/config", "/health"):
        ran = empty("-c", line)
        assert (ran.code, ran.out) == (1, "")
        assert "no penguin.yaml in" in ran.err
        assert "penguin init" in ran.err
    assert empty("-c", "/help").code == 0
    assert not list(empty.folder.iterdir())


def test_broken_settings_are_reported_with_file_and_line(penguin: Program) -> None:
    (penguin.folder / "penguin.yaml").write_text("project: {id: shop}\nblueprnts: [x]\n")
    ran = penguin("-c", "/workflow start quick")
    assert ran.code == 1
    assert "penguin.yaml:2" in ran.err
    assert "did you mean 'blueprints'?" in ran.err


def test_the_workspace_can_be_elsewhere_or_above(penguin: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    below = penguin.folder / "a" / "b"
    below.mkdir(parents=True)
    assert Program(below)("-c", "/task list").out.startswith("TASK ")
    elsewhere = Program(tmp_path_factory.mktemp("elsewhere"))
    assert elsewhere("--workspace", str(penguin.folder), "-c", "/task list").out.startswith("TASK ")
    ran = elsewhere("--workspace", "nowhere", "-c", "/task list")
    assert (ran.code, "no such folder: 'nowhere'" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "unknown flag '--nope'"),
        (["--keep-goin"], "did you mean --keep-going?"),
        (["tasks.md", "b"], "unexpected argument 'b'"),
        (["a", "b"], "unknown command 'a', and there is no such script"),
        (["-c"], "-c needs a value"),
        (["nowhere.pen"], "can't read the script 'nowhere.pen': No such file"),
        (["."], "can't read the script '.': Is a directory"),
        (["x.pen", "-c", "/help"], "a script and -c can't be combined"),
        (["-o", "xml"], "--output: unknown choice 'xml'; choose from: text, json, jsonl"),
    ],
)
def test_a_wrong_command_line(penguin: Program, arguments: list[str], message: str) -> None:
    ran = penguin(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_help_and_version(empty: Program) -> None:
    text = empty("--help").out
    for word in ("Usage:", "--keep-going", "/workflow start", "/task graph", "Examples:", "Exit codes:"):
        assert word in text
    assert all(len(line) <= 120 for line in text.splitlines())
    assert empty("help").out == empty("-h").out == text
    assert re.fullmatch(r"penguin \d+\.\d+\.\d+\n", empty("--version").out)
    assert empty("--version", "--debug").out == empty("--version").out


@pytest.mark.parametrize("thread", [True, False], ids=["thread", "no thread"])
def test_the_end_of_the_program_waits_for_threads_and_exit_handlers(penguin: Program, thread: bool) -> None:
    """It ends without the interpreter's teardown only if there is nothing to wait for."""
    code = "import atexit, sys, threading\nfrom penguin_repl.main import main\natexit.register(print, 'handled')\n"
    if thread:
        code += (
            "last = lambda: (threading.main_thread().join(), print('last'))\nthreading.Thread(target=last).start()\n"
        )
    command = [penguin.command[0], "-c", f"{code}sys.exit(main())", "-c", "/workflow status nope"]
    ran = subprocess.run(command, cwd=penguin.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "there is no workflow 'nope'" in ran.stderr
    assert ran.stdout == ("last\n" if thread else "") + "handled\n"


def test_a_bad_line_of_a_script(penguin: Program) -> None:
    for script in (b"/help\n\xff\xfe\n", b"/help\n" + b"x" * 2_000_000 + b"\n", b"/help\n/a\0b\n", b"/help\n'open\n"):
        ran = penguin(script=script)
        assert (ran.code, ran.err[:10]) == (2, "<stdin>:2:")
        assert ran.err.count("\n") == (3 if "^" in ran.err else 1)
        assert len(ran.err) < 500


def test_windows_line_ends_and_a_missing_last_one_are_accepted(penguin: Program) -> None:
    assert penguin(script=b"\xef\xbb\xbf# x\r\n/workflow list\r\n/workflow list").out == "No workflows.\n" * 2


@pytest.mark.parametrize("zone", ["UTC+99", "UTC-167:59", "UTC+24", "nonsense"])
def test_times_are_shown_in_every_time_zone(penguin: Program, zone: str) -> None:
    assert penguin("-c", "/workflow start quick", TZ=zone).code == 0

    ran = penguin("-c", "/workflow list", "-c", "/workflow status quick", "-c", "/workflow history quick", TZ=zone)

    assert (ran.code, ran.err) == (0, "")


def test_a_history_is_a_timeline_on_a_terminal_only(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    piped = penguin("-c", "/workflow history quick").out

    # With colours, results are drawn as on a terminal.
    drawn = penguin("--color", "always", "-c", "/workflow history quick", TERM="xterm").out
    both = penguin("--color", "always", "-c", "/workflow history quick --events", TERM="xterm").out

    assert [("█" in text, "EVENT" in text) for text in (drawn, both, piped)] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    assert penguin("-c", "/workflow history quick --events").out == piped


def test_start_warns_of_a_gate_that_cannot_pass(penguin: Program) -> None:
    config = penguin.folder / "penguin.yaml"
    config.write_text(config.read_text().replace("  test: {run: [echo tested]}\n", ""))

    ran = penguin("--detach", "-c", "/workflow start quick")

    assert ran.code == 0
    assert "warning: tasks.md:6: TEST has nothing to run for task quick: it can't pass; set phases: " in ran.err


def test_lint_warns_of_the_value_of_a_secret_variable(penguin: Program) -> None:
    config = penguin.folder / "penguin.yaml"
    config.write_text(config.read_text().replace("echo tested", "echo hunter2hunter2"))

    ran = penguin("-c", "/blueprint lint", MY_API_KEY="hunter2hunter2")

    assert (ran.code, ran.err) == (0, "")
    assert "penguin.yaml:5" in ran.out
    assert "contains the value of MY_API_KEY" in ran.out
    assert "hunter2" not in ran.out


def test_lint_with_errors_fails(penguin: Program) -> None:
    tasks = penguin.folder / "tasks.md"
    tasks.write_text(tasks.read_text().replace("Dependencies:** quick", "Dependencies:** qick"))
    ran = penguin("-c", "/blueprint lint", "-c", "/help")
    assert (ran.code, ran.err) == (1, "")
    assert "tasks.md:" in ran.out
    assert "1 blueprint, 1 error, " in ran.out
    assert "/workflow start" not in ran.out
    assert penguin("--keep-going", "-c", "/blueprint lint", "-c", "/help quit").out.endswith("Example: /quit\n")


def test_quit_ends_a_script(penguin: Program) -> None:
    assert penguin(script="/quit\n/nope\n").code == 0
    assert penguin(script="/workflow start quick\n/quit\n/nope\n").code == 0


def test_a_pipe_that_stays_open_works_line_by_line(penguin: Program) -> None:
    process = penguin.begin()
    assert process.stdin
    assert process.stdout
    for line, answer in [
        ("/workflow list", "No workflows."),
        ("/workflow start gated", "Started ITUV workflow for task gated"),
    ]:
        process.stdin.write(line + "\n")
        assert process.stdout.readline() == answer + "\n"
    process.stdout.readline()
    # The workflow continues while the pipe is silent.
    (penguin.folder / "go").touch()
    for line in process.stderr or ():
        if line.endswith(" COMPLETED\n"):
            break
    process.stdin.write("/workflow status gated\n")
    process.stdout.readline()
    assert process.stdout.readline() == "Status: COMPLETED\n"
    process.stdin.close()
    assert process.wait(30) == 0


def test_an_interrupted_workflow_can_be_taken_over(penguin: Program) -> None:
    process = penguin.begin("-c", "/workflow start gated", "-c", "/workflow wait gated")
    penguin.wait_for_step("gated")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    (one,) = set(re.findall("ituv-gated-[0-9a-f]{6}", err))
    assert err[err.index("interrupted\n") :] == (
        f"interrupted\n{one} continues until its running step ends; "
        f"take it over and wait: penguin workflow resume {one}\n"
        f"  or cancel it: penguin workflow cancel {one}\n"
    )
    status = penguin("-c", "/workflow status gated").out
    assert "Status: RUNNING" in status
    assert "its step still runs" in status
    (penguin.folder / "go").touch()
    assert penguin("-c", "/workflow resume gated", "-c", "/workflow wait gated").code == 0


def test_an_interrupted_wait_does_not_speak_of_a_step_that_has_not_started(penguin: Program) -> None:
    penguin("-c", "/workflow start gated", PENGUIN_FAILPOINT="attempt.before")
    assert "Status: RUNNING" in penguin("-c", "/workflow status gated").out
    code, err = interrupted_wait(penguin)
    assert code == 130
    assert "waits for an engine" in err
    assert "step" not in err


def interrupted_wait(penguin: Program) -> tuple[int, str]:
    """Exit code and standard error of a wait that gets Ctrl-C after it has begun."""
    engines = penguin.folder / ".penguin" / "engines"
    before = set(engines.iterdir()) if engines.exists() else set()
    waiting = penguin.begin("-c", "/workflow wait gated")
    # A wait opens an engine of its own.
    wait_until(lambda: engines.exists() and set(engines.iterdir()) - before, process=waiting)
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=30)
    return waiting.returncode, err


@pytest.mark.parametrize("worker", [True, False], ids=["worker", "script"])
def test_an_interrupted_wait_for_the_workflow_of_another_engine_says_that_it_continues(
    penguin: Program, worker: bool
) -> None:
    if worker:
        penguin("--detach", "-c", "/workflow start gated")
    engine = penguin.begin("worker") if worker else penguin.begin("-c", "/workflow start gated", "-c", "/workflow list")
    penguin.wait_for_step("gated")
    code, err = interrupted_wait(penguin)
    (one,) = set(re.findall("ituv-gated-[0-9a-f]{6}", err))
    assert code == 130
    assert err == (
        f"interrupted\n{one} continues; wait for it: penguin workflow wait {one}\n"
        f"  or cancel it: penguin workflow cancel {one}\n"
    )
    assert penguin("-c", f"/workflow cancel {one}").code == 0
    engine.terminate()
    engine.communicate(timeout=30)


def test_an_interrupted_wait_for_a_workflow_that_no_engine_runs_says_so(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start gated")
    code, err = interrupted_wait(penguin)
    assert code == 130
    assert " waits for an engine; run it here and wait: penguin workflow resume " in err
    assert "or cancel it: penguin workflow cancel " in err


def test_an_interrupt_while_a_pipe_is_silent(penguin: Program) -> None:
    process = penguin.begin()
    assert process.stdin
    assert process.stdout
    process.stdin.write("/workflow start quick\n/workflow wait quick\n")
    while not process.stdout.readline().endswith(" COMPLETED\n"):
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def test_a_closed_pipe_is_not_an_error(penguin: Program) -> None:
    process = penguin.begin()
    assert process.stdin
    assert process.stdout
    process.stdin.write("/workflow list\n")
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write("/workflow list\n")
    assert process.wait(30) == 0
    assert process.stderr
    assert process.stderr.read() == ""


def test_output_that_cannot_be_written_is_an_error(penguin: Program) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*penguin.command, "-c", "/help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "-c:1: No space left on device\n")


def test_closed_standard_streams(penguin: Program) -> None:
    command = " ".join(penguin.command)
    for streams in (">&-", "<&- >&- 2>&-"):
        line = f"exec {command} -c '/workflow start quick --wait' {streams}"
        assert (
            subprocess.run(["sh", "-c", line], cwd=penguin.folder, check=False, stderr=subprocess.DEVNULL).returncode
            == 0
        )
        assert "COMPLETED" in penguin("-c", "/workflow status quick").out


def test_a_locale_that_lacks_the_characters(penguin: Program) -> None:
    tasks = penguin.folder / "tasks.md"
    tasks.write_text(tasks.read_text().replace("Nobody can", "漢 can"))
    assert "\\u6f22 can" in penguin("-c", "/task list", PYTHONIOENCODING="ascii", PYTHONUTF8="0").out


def test_an_unexpected_error_is_one_line_without_debug(penguin: Program) -> None:
    (penguin.folder / "sitecustomize.py").write_text(
        "import penguin_commands.session as s\ns.Session.reader = property(lambda self: 1 / 0)\n"
    )
    ran = penguin("-c", "/workflow list", PYTHONPATH=str(penguin.folder))
    assert ran.code == 1
    assert ran.err == "-c:1: unexpected ZeroDivisionError: division by zero; --debug shows the traceback\n"
    environment = {**penguin.environment, "PYTHONPATH": str(penguin.folder)}
    command = [*penguin.command, "--debug", "-c", "/workflow list"]
    done = subprocess.run(command, cwd=penguin.folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr


def test_debugging_shows_no_traceback_of_an_expected_error(penguin: Program) -> None:
    for arguments in (("nosuch.pen",), ("completion", "x"), ("--metrics", "x"), ("help", "nosuch")):
        ran = penguin("--debug", *arguments)
        assert ran.code == 2, arguments


def test_a_home_folder_of_an_unknown_user_is_a_plain_name(penguin: Program) -> None:
    assert penguin("-c", "/workflow start quick", "-c", "/backup ~nosuch-user.db").code == 0
    assert (penguin.folder / "~nosuch-user.db").is_file()


def test_a_step_can_read_but_not_control(penguin: Program) -> None:
    command = " ".join(penguin.command)
    (penguin.folder / "tasks.md").write_text(
        "---\nid: t\n---\n## Tasks\n### A\n- **ID:** `inner`\n#### Acceptance Criteria\n"
        f"- [ ] reads `check: {command} -c '/workflow list' | grep RUNNING`\n"
        f"- [ ] steers `check: {command} -c '/workflow pause inner' 2>&1 | grep 'inside a step'`\n"
    )
    assert penguin("-c", "/workflow start inner").code == 0


def on_terminal(program: Program, *arguments: str, **environment: str) -> str:
    """Return the output of the program on a terminal of 80 columns."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*program.command, *arguments],
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env={**program.environment, "TERM": "xterm", "COLUMNS": "80", **environment},
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:
                break
    os.close(leader)
    assert process.wait(30) == 0
    return shown.decode().replace("\r\n", "\n")


def test_colours_by_option_and_environment(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    line = ("-c", "/workflow list")
    assert "\x1b[32mCOMPLETED\x1b[0m" in on_terminal(penguin, *line)
    assert "\x1b" not in on_terminal(penguin, *line, NO_COLOR="1")
    assert "\x1b" not in on_terminal(penguin, *line, "--color", "never")
    assert "\x1b" not in on_terminal(penguin, *line, "-o", "json")
    assert "\x1b[32m" in penguin(*line, "--color", "always").out
    assert "\x1b" not in penguin(*line).out


def test_logs_cannot_control_the_terminal(penguin: Program) -> None:
    (penguin.folder / "penguin.yaml").write_text(
        "project: {id: shop}\nblueprints: [tasks.md]\n"
        "phases:\n"
        "  implement:\n"
        "    run:\n"
        "      - printf '\\033[31mred\\033[0m\\033]0;title\\007'\n"
        "  test: {run: ['true']}\n"
        "  use: skip\n"
    )
    penguin("-c", "/workflow start quick")
    line = ("-c", "/workflow logs quick --phase implement")
    assert "\x1b]0;title\x07" in penguin(*line).out
    shown = on_terminal(penguin, *line)
    assert "\x1b[31mred\x1b[0m" in shown
    assert "title\x07" not in shown


def test_large_documents_are_complete(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    commands = [
        "/workflow list",
        "/workflow status quick",
        "/workflow history quick",
        "/workflow results quick",
        "/workflow artifacts quick",
        "/workflow logs quick",
        "/blueprint list",
        "/blueprint show basics",
        "/blueprint lint",
        "/task list",
        "/task ready",
        "/task show quick",
        "/task graph",
        "/task graph --format dot",
        "/task graph --format mermaid",
        "/health",
        "/config",
        "/help",
        "/help workflow",
        "/help task graph",
        "/quit",
    ]
    ran = penguin("-o", "json", script="\n".join(commands))
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.documents) == len(commands)
    assert all(json.dumps(document) for document in ran.documents)


@pytest.mark.parametrize(
    ("make", "kind"), [(Path.mkdir, "a folder"), (lambda path: os.mkfifo(path), "a named pipe")], ids=["folder", "pipe"]
)
def test_penguin_yaml_must_be_a_regular_file(empty: Program, make: Callable[[Path], None], kind: str) -> None:
    path = empty.folder / "penguin.yaml"
    make(path)
    assert empty("-c", "/workflow list").code == 0
    move = f"mv {path} {path}.old"
    for arguments in (("-c", "/workflow start x"), ("-c", "/health"), ("worker",)):
        ran = empty(*arguments)
        assert ran.code == 1
        assert f"penguin.yaml: is {kind}, not a file; {move}; then penguin init" in ran.err
    ran = empty("init")
    assert (ran.code, ran.err) == (1, f"penguin: {path} is {kind}, not a file; {move}\n")


def test_init_in_a_deleted_folder(empty: Program, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = f'mkdir gone && cd gone && rmdir ../gone && exec {" ".join(empty.command)} "$@"'
        return subprocess.run(
            ["sh", "-c", line, "sh", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    ran = run("init")
    assert (ran.returncode, ran.stderr) == (
        1,
        "penguin: the current folder no longer exists; cd to an existing folder\n",
    )
    elsewhere = run("--workspace", f"{tmp_path}/new", "init")
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")
    assert f"written: {tmp_path}/new/penguin.yaml" in elsewhere.stdout
