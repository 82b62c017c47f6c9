"""Lint: everything that is wrong between blueprints, and what their tasks lack."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.blueprint import BlueprintCounts, count, load_blueprints, parse_blueprint
from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.config import load_settings
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.runtime.task_catalog import CatalogLoader

QUIET = "phases: {implement: {run: a}, test: {run: b}, use: skip, verify: skip}\n"


def lines_of(root: Path, files: dict[str, str], config: str = QUIET) -> list[str]:
    (root / "penguin.yaml").write_text(config)
    (root / "blueprints").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "blueprints" / name).write_text(dedent(text))
    settings = load_settings(root, environ={})
    problems = lint(load_blueprints(root, settings), settings)
    return [f"{it.severity} {it.where.removeprefix('blueprints/')}: {it.message} ({it.hint})" for it in problems]


def start_definition(root: Path) -> Definition:
    """Return the definition with which task a of the blueprints of `lines_of` would start."""
    catalog = CatalogLoader(root, None).load()
    return catalog.define(catalog.find("a"), None)


def test_tests_with_a_report_and_changes_are_not_warned_of(tmp_path: Path) -> None:
    phases = "{implement: {run: npm test}, test: {run: [{run: npm test, report: junit.xml}, cd web && pytest]}}"
    assert lines_of(tmp_path, {"a.yaml": f"phases: {phases}\nitems: [{{id: a}}]\n"}) == []


def test_an_unknown_agent_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    text = "phases: {implement: {agent: claud}}\nitems: [{id: a}, {id: b}]\n"

    assert lines_of(tmp_path, {"a.yaml": text}) == [
        "error a.yaml:2: task a: phases.implement.agent: unknown agent 'claud' (did you mean 'claude'?)"
    ]
    with pytest.raises(ConfigError, match=r"penguin\.yaml:1: phases\.implement\.agent: unknown agent 'claud'"):
        lines_of(tmp_path, {}, "phases: {implement: {agent: claud}}\n")


def test_no_agent_is_paid_for_a_task_that_no_gate_can_pass(tmp_path: Path) -> None:
    config = "phases: {implement: {agent: claude}}\n"
    lines = lines_of(tmp_path, {"a.yaml": "items: [{id: a}]\n"}, config)
    catalog = CatalogLoader(tmp_path, None).load()

    assert [line.split(": ", 1)[1][:4] for line in lines if "can't pass" in line] == ["task", "task", "TEST"]
    with pytest.raises(ConfigError, match="no gate can pass"):
        catalog.define(catalog.find("a"), None)


def test_nothing_to_say(tmp_path: Path) -> None:
    assert lines_of(tmp_path, {"a.yaml": "items: [{id: a}, {id: b, depends_on: [a]}]\n"}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "items:\n- id: login\n- id: b\n  depends_on: [logn]\n",
            "error a.yaml:4: task b depends on unknown task 'logn' (did you mean 'login'?)",
        ),
        (
            "items:\n- id: a\n  depends_on: [b]\n- id: b\n  depends_on: [a]\n",
            "error a.yaml:3: circular dependency: a -> b -> a (remove one of these dependencies)",
        ),
        ("items:\n- id: a\n  depends_on: [a]\n", "error a.yaml:3: circular dependency: a -> a"),
        ("items:\n- id: a\n- id: a\n", "error a.yaml:3: duplicate task a (first in blueprints/a.yaml:2)"),
        ("items:\n- id: a\n- {id: b, done: true, depends_on: a}\n", "warning a.yaml:3: task b is ticked, but"),
        (
            "items:\n- id: a\n  phases: {use: {recipes: true}}\n",
            "warning a.yaml:2: task a has no recipe: USE can't pass",
        ),
        (
            "items:\n- id: a\n  phases: {verify: {criteria: true}}\n",
            "warning a.yaml:2: task a has no acceptance criteria: VERIFY can't pass",
        ),
        (
            "phases: {test: {run: []}}\nitems:\n- id: a\n- id: b\n",
            "warning a.yaml:3: TEST has nothing to run for task a and 1 more: it can't pass",
        ),
        (
            "phases: {test: {run: [pytest -q, CI=1 npm test]}}\nitems:\n- id: a\n- id: b\n",
            "warning a.yaml:3: TEST runs `npm test` for task a and 1 more, but may not be able to count its tests",
        ),
        (
            "phases: {verify: {run: [make test]}}\nitems:\n- id: a\n",
            "warning a.yaml:3: VERIFY runs `make test` for task a, but may not be able to count its tests",
        ),
    ],
)
def test_one_problem(tmp_path: Path, text: str, expected: str) -> None:
    found = lines_of(tmp_path, {"a.yaml": text})
    assert len(found) == 1
    assert found[0].startswith(expected)


NO_PHASES = "project: {id: x}\n"
PAID = "phases: {implement: {agent: claude}, test: %s, use: %s, verify: %s}\n"
PROSE = "items:\n- id: a\n  acceptance_criteria: [It works]\n"
NO_OPS = [":", "true", "exit 0", "echo done", "/bin/true", "# later", "A=1", "sh -c true", "true && echo ok; exit"]


@pytest.mark.parametrize("command", NO_OPS)
def test_an_agent_is_not_paid_for_gates_that_check_nothing(tmp_path: Path, command: str) -> None:
    text = PAID % (f"{{run: ['{command}']}}", "skip", "skip") + "items:\n- id: a\n"
    found = lines_of(tmp_path, {"a.yaml": text})
    assert found[0].startswith("warning a.yaml:3: TEST runs nothing that checks the result for task a: it passes")
    with pytest.raises(ConfigError, match="TEST runs nothing that checks the result, so no gate can pass"):
        start_definition(tmp_path)


@pytest.mark.parametrize("command", ["false", "test -e a", "echo $(cat a)", "echo `cat a`", "true; make", "[ -e a ]"])
def test_commands_that_can_fail_check_something(tmp_path: Path, command: str) -> None:
    text = PAID % (f"{{run: ['{command}']}}", "skip", "skip") + "items:\n- id: a\n"
    assert lines_of(tmp_path, {"a.yaml": text}) == []
    start_definition(tmp_path)


@pytest.mark.parametrize(
    ("gates", "items", "expected"),
    [
        (
            ("{}", "{}", "{criteria: true}"),
            PROSE,
            "TEST has nothing to run, USE has nothing to run, VERIFY has no criterion with a check",
        ),
        (
            ("{run: [':']}", "{recipes: false}", "{criteria: false}"),
            PROSE,
            "TEST runs nothing that checks the result, USE has nothing to run, VERIFY has nothing to run",
        ),
        (
            ("skip", "{recipes: true}", "skip"),
            "items:\n- id: a\n  recipes: {try: [{shell: 'true', expect_exit: 0}, {python: 'pass  # later'}]}\n",
            "USE runs nothing that checks the result",
        ),
        (
            ("skip", "skip", "{criteria: true}"),
            "items:\n- id: a\n  acceptance_criteria: [{text: It works, check: 'true'}]\n",
            "VERIFY runs nothing that checks the result",
        ),
        (
            ("{}", "skip", "{run: [':']}"),
            PROSE,
            "TEST has nothing to run, VERIFY runs nothing that checks the result",
        ),
        (("{}", "{}", "{}"), "items:\n- id: a\n", "TEST, USE and VERIFY have nothing to run"),
    ],
)
def test_gates_that_no_result_can_pass(tmp_path: Path, gates: tuple[str, str, str], items: str, expected: str) -> None:
    text = PAID % gates + items
    assert any("warning" in line for line in lines_of(tmp_path, {"a.yaml": text}, NO_PHASES))
    with pytest.raises(ConfigError, match=f"task a: {expected}, so no gate can pass"):
        start_definition(tmp_path)


@pytest.mark.parametrize(
    ("gates", "items"),
    [
        (("skip", "skip", "skip"), PROSE),
        # As the penguin.yaml of an import: a person decides what no gate can check.
        (("{}", "skip", "{criteria: true}"), PROSE),
        (("{run: [make]}", "{}", "{criteria: true}"), PROSE),
        (("skip", "skip", "{judge: claude}"), PROSE),
        (("skip", "{recipes: true}", "skip"), "items:\n- id: a\n  recipes: {try: [{http: 'http://x/'}]}\n"),
    ],
)
def test_gates_that_check_something_or_are_skipped_are_started(
    tmp_path: Path, gates: tuple[str, str, str], items: str
) -> None:
    lines_of(tmp_path, {"a.yaml": PAID % gates + items}, NO_PHASES)
    start_definition(tmp_path)


def test_without_an_agent_nothing_is_paid_for(tmp_path: Path) -> None:
    text = "phases: {implement: {run: [make]}, test: {run: ['true']}, use: skip, verify: {criteria: true}}\n" + PROSE
    assert lines_of(tmp_path, {"a.yaml": text}) == []
    start_definition(tmp_path)


def test_ids_are_unique_in_a_project_only(tmp_path: Path) -> None:
    files = {"a.yaml": "items: [{id: a}]\n", "b.yaml": "items: [{id: a}]\n", "c.yaml": "project: x\nitems: [{id: a}]\n"}
    assert lines_of(tmp_path, files) == [
        "error b.yaml:1: duplicate task a (first in blueprints/a.yaml:1) (task ids are unique in a project)"
    ]


def test_dependencies_reach_into_other_blueprints_of_the_project(tmp_path: Path) -> None:
    files = {"a.yaml": "items: [{id: a, depends_on: [b]}]\n", "b.yaml": "items: [{id: b}]\n"}
    assert lines_of(tmp_path, files) == []
    assert "depends on unknown task 'b'" in lines_of(tmp_path, {"b.yaml": "project: x\nitems: [{id: b}]\n"})[0]


def test_repeated_blueprint_ids_and_max_parallel(tmp_path: Path) -> None:
    files = {"a.yaml": "items: [{id: a}]\n", "b.yaml": "id: a\nitems: [{id: b}]\n"}
    found = lines_of(tmp_path, files, QUIET + "orchestration:\n  max_parallel: 2\nisolation: shared\n")
    assert found[0].startswith("error b.yaml: duplicate blueprint id 'a' (also in blueprints/a.yaml)")
    assert found[1].startswith("warning penguin.yaml:3: max_parallel is 2")
    in_place = lines_of(tmp_path, files, QUIET + "orchestration:\n  max_parallel: 2\n")
    assert not any("max_parallel" in line for line in in_place)


def test_what_one_file_says_and_what_all_say_is_in_order(tmp_path: Path) -> None:
    text = """\
        ## Tasks
        ### A
        - **ID:** a
        - **Dependencies:** gone
        - **Effrot:** 3

        ### B
        - **ID:** b

        #### Acceptance Criteria
        - [ ] c `check: x
        """
    found = lines_of(tmp_path, {"a.md": text})
    assert [line.partition(": ")[0] for line in found] == ["error a.md:4", "error a.md:5", "error a.md:11"]


def test_ids_made_from_titles_are_shown(tmp_path: Path) -> None:
    text = "## Tasks\n" + "".join(f"- [ ] Write part {number}\n" for number in range(22))
    found = lines_of(tmp_path, {"a.md": text})
    assert found[0] == "note a.md:2: the id 'write-part-0' is made from the title (write A-1 before it)"
    assert found[-1] == "note a.md:22: 2 more ids are made from titles (/task list shows them)"
    assert len(found) == 21


def test_what_was_read_is_counted() -> None:
    text = (
        "---\nid: x\n---\n## Tasks\n- [ ] A-1 One\n  - Recipe: r\n  - Acceptance: a `check: true`\n- [ ] A-2 Two\n"
        "  - Depends: A-1\n  - [ ] b\n## Usage Recipes\n### r\n```sh\nx\n```\n## Validation\n- [ ] v `check: true`\n"
    )
    assert count([parse_blueprint(text, "b.md")]) == BlueprintCounts(2, 1, 2, 1, 1, 1, 1)
