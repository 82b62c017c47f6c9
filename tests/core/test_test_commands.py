"""Detection of command lines that run tests."""

from __future__ import annotations

import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.core.test_detection.runners import pytest_run, uncounted_test_run
from penguin.orchestration.core.test_detection.shell import simple_commands

RUNS = [
    "pytest",
    "  pytest -q tests",
    "pytest;true",
    "pytest 'unbalanced",
    "py.test",
    "pytest-3 -x",
    ".venv/bin/pytest -q",
    "CI=1 pytest",
    "A=1 B='2 3' pytest",
    "cd . && pytest",
    "cd sub; pytest || true",
    "(cd sub && pytest) >log 2>&1",
    "make build | tee log && pytest | tee -a log",
    "pytest>log",
    "true &\npytest",
    "# don't\npytest",
    "echo a#b; pytest # it's all",
    "cat <<END\nsome text\nEND\npytest",
    "pytest \\\n  -q",
    "if test -d tests; then pytest; fi",
    "! pytest",
    "for it in a b; do pytest $it; done",
    "{ pytest; }",
    "timeout 60 pytest",
    "timeout -k 5 --signal=INT 60 pytest",
    "env X=1 pytest",
    "env -u HOME -i X=1 pytest",
    "exec pytest",
    "nice pytest",
    "nice -n 5 pytest",
    "nohup pytest &",
    "time pytest",
    "time -p pytest",
    "xvfb-run -a pytest",
    "xvfb-run -n 99 pytest",
    "sudo -u me pytest",
    "flock lock pytest",
    "echo tests | xargs -n 1 pytest",
    "sh -c 'pytest'",
    "bash -lc 'cd x && pytest -q'",
    "bash -o pipefail -c 'pytest | cat'",
    "/bin/sh -e -c \"sh -c 'pytest'\"",
    "eval pytest -q",
    "uv run pytest",
    "uv run --with pytest-xdist pytest -n 2",
    "uv --directory sub run -- python -m pytest",
    "uv run -m pytest",
    "uv tool run pytest",
    "uvx pytest",
    "poetry run pytest",
    "pdm run pytest",
    "pipenv run pytest",
    "hatch run pytest",
    "hatch run test:pytest",
    "conda run -n env pytest",
    "python -m pytest",
    "python3.12 -m pytest -x; true",
    "python -W error -m pytest",
    "python -bb -Xdev -Im pytest",
    "python -mpytest",
    ".venv/bin/python -m pytest",
    "python .venv/bin/pytest",
    "pypy3 -m pytest",
    "py -3 -m pytest",
    "coverage run -m pytest",
    "coverage run --source src --branch -m pytest",
    "python -m coverage run -m pytest",
    "env A=b timeout 9 nice uv run coverage run -m pytest",
    "echo $(pytest -q)",
    "P=pytest; $P t.py",
    "P='python -m pytest'; ${P} t.py",
    "A=1 P=pytest\n$P",
    "python -c 'import pytest; pytest.main([\"-q\"])'",
    "python3 -c 'from pytest import main; main()'",
    "python -Ic'import pytest as p, sys; sys.exit(pytest.main())'",
    "find . -name 'test_*.py' -exec pytest {} +",
    "find . -name 'test_*.py' -execdir python -m pytest {} \\;",
    "find . | xargs -n 1 sh -c 'pytest \"$@\"' x",
]
OTHERS = [
    "",
    "pytest-watch",
    "tox -e pytest",
    "python -m pytester",
    "python -c 'import pytest' pytest",
    "python tests.py pytest",
    "echo pytest",
    "echo 'a; pytest'",
    "grep -r pytest .",
    "timeout 60 grep pytest log",
    "pip install pytest",
    "uv pip install pytest",
    "uv add pytest",
    "poetry add pytest",
    "which pytest",
    "ruff check . # pytest",
    "cat <<END\npytest\nEND",
    "cat > pytest",
    "sh pytest.sh -c pytest",
    "coverage report pytest",
    "cd pytest",
    "PYTEST=pytest true",
    "P=pytest true; $P",
    "P=pytest",
    "P=pytest; P=ls; $P",
    "find . -name pytest",
    "python -c 'import pytest; print(pytest.__version__)'",
    "env",
    "sh -c",
]


@pytest.mark.parametrize("line", RUNS)
def test_pytest_runs_are_recognised(line: str) -> None:
    assert pytest_run(line) is not None
    assert uncounted_test_run(line) == ""


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands_run_no_pytest(line: str) -> None:
    assert pytest_run(line) is None


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ("pytest", None),
        ("pytest --junitxml=a.xml", "a.xml"),
        ("pytest --junit-xml 'b c.xml' -q", "b c.xml"),
        ("pytest --junitxml", None),
        ("cd sub && pytest --junitxml=a.xml", "sub/a.xml"),
        ("cd sub && pytest --junitxml=/tmp/a.xml", "/tmp/a.xml"),
        ("(cd sub && make) && pytest --junitxml=a.xml", "a.xml"),
        ("cd sub; bash -c 'cd deep; pytest --junitxml=a.xml'", "sub/deep/a.xml"),
        ("other --junitxml=a.xml; pytest", None),
        ("uv run pytest --junitxml=a.xml", "a.xml"),
    ],
)
def test_the_report_that_pytest_is_given_is_found(line: str, report: str | None) -> None:
    run = pytest_run(line)
    assert run is not None
    assert run.report == report


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("npm test", "npm test"),
        ("npm run test:unit -- --ci", "npm run"),
        ("npx ava", "npx ava"),
        ("npx jest", ""),
        ("cd web && yarn test", "yarn test"),
        ("make -s test", "make -s"),
        ("make lint test", "make lint"),
        ("tox", "tox"),
        ("python -m unittest", ""),
        ("python manage.py test", ""),
        ("./gradlew test", "./gradlew test"),
        ("go test ./...", "go test"),
        ("CI=1 cargo test", ""),
        ("node --test", ""),
        ("bundle exec rspec", ""),
        ("timeout 60 ./run-tests.sh", "./run-tests.sh"),
        ("npm run build", ""),
        ("make all", ""),
        ("test -d tests", ""),
        ("cargo check", ""),
        ("ruff check .", ""),
    ],
)
def test_commands_that_seem_to_run_tests_are_named(line: str, program: str) -> None:
    assert uncounted_test_run(line) == program


@given(st.lists(st.text().filter(lambda text: "\\\n" not in text)))
def test_quoted_words_are_read_as_the_shell_reads_them(texts: list[str]) -> None:
    words = ("run", *(f"x{text}" for text in texts))
    assert [command.words for command in simple_commands(shlex.join(words))] == [words]


@given(st.text(st.sampled_from("ab-$ \t\r\x0b*=/`!{}[]~?")).filter(str.strip))
def test_a_line_without_quotes_is_split_as_by_the_full_lexer(line: str) -> None:
    """Lines without quotes, comments and punctuation do not need it."""
    plain, full = ([*simple_commands(each)] for each in (line, f"{line}\n#"))
    assert plain == full


@given(st.text(alphabet=" \n;&|()<>#'\"\\$-=aceimnpstxy/."))
def test_any_line_is_read(line: str) -> None:
    pytest_run(line)
    uncounted_test_run(line)


@pytest.mark.parametrize("line", [f"true {'x' * 4_000_000}", "true " * 800_000, "true '" * 600_000, "#\n" * 2_000_000])
def test_a_line_that_is_too_long_to_be_run_is_not_parsed(line: str) -> None:
    started = time.process_time()
    assert pytest_run(line) is None
    assert uncounted_test_run(line) == ""
    assert time.process_time() - started < 1
