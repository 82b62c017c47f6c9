"""Programs that run tests, also where another program starts them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from penguin.orchestration.core.test_detection.shell import SimpleCommand, is_assignment, simple_commands

DEEPEST = 20
"""Programs that start each other within one command."""

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_PYTEST = frozenset({"pytest", "pytest-3", "py.test", "py.test-3"})


class _Starter(NamedTuple):
    """How a program names the command that it starts."""

    with_value: str = ""
    """Its options that take the next word as their value."""
    arguments: int = 0
    """Number of words between its options and the command."""
    verbs: tuple[str, ...] = ()
    """The words that make it start a command; empty: it always does."""


_STARTERS: Mapping[str, _Starter] = {
    "builtin": _Starter(),
    "catchsegv": _Starter(),
    "chrt": _Starter(arguments=1),
    "command": _Starter(),
    "dbus-run-session": _Starter(),
    "doas": _Starter("-u -C"),
    "env": _Starter("-u --unset -C --chdir"),
    "exec": _Starter("-a"),
    "fakeroot": _Starter(),
    "flock": _Starter("-w --timeout -E --conflict-exit-code", arguments=1),
    "gtimeout": _Starter("-s --signal -k --kill-after", arguments=1),
    "ionice": _Starter("-c --class -n --classdata"),
    "nice": _Starter("-n --adjustment"),
    "nohup": _Starter(),
    "setsid": _Starter(),
    "stdbuf": _Starter("-i --input -o --output -e --error"),
    "sudo": _Starter("-u --user -g --group -C -D --chdir -h -p -T"),
    "taskset": _Starter(arguments=1),
    "time": _Starter("-f --format -o --output"),
    "timeout": _Starter("-s --signal -k --kill-after", arguments=1),
    "unbuffer": _Starter(),
    "xargs": _Starter("-I -n -P -L -d -a -E -s --max-args --max-procs --delimiter --arg-file"),
    "xvfb-run": _Starter(
        "-n --server-num -s --server-args -e --error-file -f --auth-file -w --wait -p --xauth-protocol"
    ),
    "conda": _Starter("-n --name -p --prefix --cwd", verbs=("run",)),
    "hatch": _Starter("-e --env -p --project", verbs=("run",)),
    "mamba": _Starter("-n --name -p --prefix --cwd", verbs=("run",)),
    "micromamba": _Starter("-n --name -p --prefix --cwd", verbs=("run",)),
    "pdm": _Starter("-p --project -e --env-file", verbs=("run",)),
    "pipenv": _Starter(verbs=("run",)),
    "pipx": _Starter("--spec --python", verbs=("run",)),
    "pixi": _Starter("-e --environment --manifest-path", verbs=("run",)),
    "poetry": _Starter("-C --directory -P --project", verbs=("run",)),
    "rye": _Starter(verbs=("run",)),
    "uv": _Starter(
        "--with --with-editable --with-requirements --extra --group --only-group --no-group --package -p --python "
        "--env-file --project --directory --index --config-file --from",
        verbs=("run", "tool run"),
    ),
    "uvx": _Starter("--with --from -p --python"),
}

_CALLS_PYTEST = re.compile(r"\bpytest\.(?:main|console_main)\b|\bfrom\s+pytest\s+import\b[^;\n]*\bmain\b")
"""Python code that runs pytest."""
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
"""Options of `find` that a command follows."""

_COVERAGE_OPTIONS = "--source --omit --include --rcfile --context --data-file --concurrency"
"""Options of `coverage run` that take the next word as their value."""

_TEST_VERBS: Mapping[str, str] = {
    "ant": "test",
    "bazel": "test",
    "bun": "test",
    "go": "test",
    "gmake": "test tests check",
    "gradle": "test check",
    "gradlew": "test check",
    "hatch": "test",
    "just": "test tests",
    "make": "test tests check",
    "mix": "test",
    "ninja": "test",
    "npm": "test t tst run-script run",
    "playwright": "test",
    "pnpm": "test t run",
    "rails": "test",
    "rake": "test spec",
    "setup.py": "test",
    "swift": "test",
    "task": "test",
    "yarn": "test run",
}
"""Words after a program that make it run tests; after `run`, names of scripts that run tests.

Programs whose summary is read are missing here: see summaries.py.
"""
_TEST_PROGRAMS = frozenset(
    {
        "ava",
        "nox",
        "stestr",
        "tox",
        "trial",
    }
)
_TEST_MODULES = frozenset({"nox", "tox", "twisted.trial"})


class PytestRun(NamedTuple):
    """A command that runs pytest."""

    report: str | None = None
    """The JUnit report that it names itself, relative to where the line starts."""


def pytest_run(line: str) -> PytestRun | None:
    """Return the last pytest run of a shell command line; None if it runs no pytest."""
    found = None
    for command in started_commands(line):
        if _name(command) in _PYTEST:
            report = _report(command.words)
            found = PytestRun(report and posixpath.join(command.directory, report))
    return found


def uncounted_test_run(line: str) -> str:
    """Return the program of a command line that seems to run tests which can't be counted; '' if there is none.

    The tests of pytest are counted by its report, those of some other runners by the summary that they print.
    """
    if pytest_run(line) is not None:
        return ""
    return next(
        (" ".join(command.words[:2]) for command in started_commands(line) if _seems_to_test(command.words)), ""
    )


def started_commands(line: str, directory: str = "", depth: int = 0) -> Iterator[SimpleCommand]:
    """Yield the commands of a line, each as the innermost program that it starts."""
    for words, below in simple_commands(line):
        yield from _innermost(SimpleCommand(words, posixpath.join(directory, below)), depth)


def _innermost(command: SimpleCommand, depth: int) -> Iterator[SimpleCommand]:
    if depth > DEEPEST:
        return
    name, rest = _name(command), command.words[1:]
    if name in _SHELLS or name == "eval":
        script = " ".join(rest) if name == "eval" else _shell_script(rest)
        yield from started_commands(script, command.directory, depth + 1)
    elif words := _next_words(name, rest):
        yield from _innermost(SimpleCommand(words, command.directory), depth + 1)
    else:
        yield command


def _next_words(name: str, rest: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that a program starts; empty if there is none, or it is unknown."""
    if name.rstrip("0123456789.") in ("python", "pypy", "py"):
        return _python_words(rest)
    if name == "coverage":
        rest = _after_verb(rest, ("run",), "--rcfile")
        return _python_words(_without_options(rest, _COVERAGE_OPTIONS))
    if name == "find":
        return next((rest[index + 1 :] for index, word in enumerate(rest) if word in _EXEC), ())
    starter = _STARTERS.get(name)
    if starter is None:
        return ()
    if starter.verbs:
        rest = _after_verb(rest, starter.verbs, starter.with_value)
    rest = _without_options(rest, starter.with_value)[starter.arguments :]
    while rest and is_assignment(rest[0]):
        rest = rest[1:]
    if rest[:1] in (("-m",), ("--module",)):
        return ("python", "-m", *rest[1:])
    # hatch names an environment before the command: test:pytest.
    return (rest[0].rpartition(":")[2], *rest[1:]) if rest and name == "hatch" else rest


def _python_words(rest: tuple[str, ...]) -> tuple[str, ...]:
    """Return the module or script that Python runs, as a command."""
    index = 0
    while index < len(rest) and rest[index].startswith("-"):
        flags = rest[index].lstrip("-")
        letter = next((letter for letter in flags if letter in "mcWX"), "")
        value = flags.partition(letter)[2] if letter else ""
        if rest[index].startswith("--"):
            letter = ""
        if letter == "m":
            return (value, *rest[index + 1 :]) if value else rest[index + 1 :]
        if letter == "c":
            code = value or " ".join(rest[index + 1 : index + 2])
            return ("pytest",) if _CALLS_PYTEST.search(code) else ()
        index += 2 if letter and not value else 1
    return rest[index:]


def _shell_script(rest: tuple[str, ...]) -> str:
    """Return the argument of `-c`, or of combined options such as `-lc`."""
    asked = False
    for index, word in enumerate(rest):
        if word.startswith(("-", "+")) and len(word) > 1:
            asked = asked or (not word.startswith("--") and "c" in word)
        elif rest[index - 1] not in ("-o", "+o") or index == 0:
            return word if asked else ""
    return ""


def _after_verb(rest: tuple[str, ...], verbs: tuple[str, ...], with_value: str) -> tuple[str, ...]:
    rest = _without_options(rest, with_value)
    for verb in verbs:
        words = tuple(verb.split())
        if rest[: len(words)] == words:
            return rest[len(words) :]
    return ()


def _without_options(rest: tuple[str, ...], with_value: str) -> tuple[str, ...]:
    """Return the words from the first one that is not an option. `-m` and `--module` do not count as options."""
    valued = with_value.split()
    index = 0
    while index < len(rest) and rest[index].startswith("-") and rest[index] not in ("-m", "--module"):
        if rest[index] == "--":
            return rest[index + 1 :]
        index += 2 if rest[index] in valued else 1
    return rest[index:]


def _report(words: tuple[str, ...]) -> str | None:
    named = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if option in ("--junitxml", "--junit-xml"):
            named = value if equals else following
    return named or None


def _seems_to_test(words: tuple[str, ...]) -> bool:
    name, rest = posixpath.basename(words[0]), [word for word in words[1:] if not word.startswith("-")]
    if name in _TEST_PROGRAMS or name in _TEST_MODULES or _is_test_script(words[0]):
        return True
    if name in ("bundle", "npx", "bunx"):
        rest = rest[1:] if rest[:1] == ["exec"] else rest
        return bool(rest) and _seems_to_test(tuple(rest))
    return _has_test_verb(rest, _TEST_VERBS.get(name, "").split())


def _has_test_verb(rest: list[str], verbs: list[str]) -> bool:
    """Return whether one of the words is a verb that runs tests, or the name of a test target or test script."""
    if not verbs:
        return False
    if rest[:1] in (["run"], ["run-script"]):
        return len(rest) > 1 and rest[1].replace(":", "-").split("-")[0] in ("test", "tests")
    return any(word in verbs and word not in ("run", "run-script") for word in rest)


def _is_test_script(program: str) -> bool:
    """Return whether a path names a script such as ./run-tests.sh."""
    stem = posixpath.basename(program).partition(".")[0].replace("_", "-")
    return "/" in program and stem in ("test", "tests", "run-test", "run-tests", "runtests", "check")


def _name(command: SimpleCommand) -> str:
    return posixpath.basename(command.words[0])
