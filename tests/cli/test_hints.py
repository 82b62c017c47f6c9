"""Messages for missing, invalid or mistyped input."""

from __future__ import annotations

from tests.support.program import Program


def test_an_invalid_blueprint_is_reported_when_tasks_are_listed(penguin: Program) -> None:
    (penguin.folder / "penguin.yaml").write_text("project: {id: shop}\nblueprints: [tasks.md, other.yaml, gone.md]\n")
    (penguin.folder / "other.yaml").write_text("items: [\n")
    for command in ("/task list", "/task ready", "/task graph"):
        ran = penguin("-c", command)
        assert (ran.code, ran.err) == (0, "could not read gone.md, other.yaml; /blueprint lint says why\n")
        assert "quick" in ran.out
    assert penguin("-c", "/task list --blueprint basics").err == ""
    assert "other.yaml" in penguin("-c", "/task list --blueprint other").err


def test_results_of_a_missing_attempt(penguin: Program) -> None:
    assert penguin("-c", "/workflow start quick --wait").code == 0
    there = "attempts: 1 (IMPLEMENT), 2 (TEST), 3 (VERIFY).\n"
    assert penguin("-c", "/workflow results quick --attempt 9").out == f"No attempt 9; {there}"
    assert penguin("-c", "/workflow results quick --phase test --attempt 3").out == f"No attempt 3 of TEST; {there}"
    assert penguin("-o", "json", "-c", "/workflow results quick --attempt 9").documents == [{"results": []}]


def test_a_script_does_not_wait_for_pruned_workflows(penguin: Program) -> None:
    script = "/workflow start quick --wait\n/workflow start quick --wait\n/workflow prune --older-than 0s\n"
    ran = penguin(script=script)
    assert (ran.code, "no workflow has the id" in ran.err) == (0, False)
    assert ran.out.splitlines()[-1].startswith("Pruned 1 workflow, ")


def test_feedback_says_how_to_continue(penguin: Program) -> None:
    for task in ("person", "wrong"):
        penguin("-c", f"/workflow start {task} --wait")
        (document,) = penguin("-o", "json", "-c", f"/workflow feedback {task} try harder").documents
        assert document["status"] == "BLOCKED"
        assert document["advice"] == f"/workflow resume {document['workflow_id']}"
        assert penguin("-c", f"/workflow status {task}").out.rstrip().endswith(document["advice"])
        assert penguin("-c", document["advice"]).out.startswith("Resumed ")


def test_an_unknown_backend(penguin: Program) -> None:
    ran = penguin("--backend", "nativ", "-c", "/workflow list")
    assert ran.code == 2
    assert ran.err.startswith("penguin: --backend: unknown choice 'nativ'; did you mean native? usage:")


def test_init_is_suggested_for_the_searched_folder(empty: Program) -> None:
    (empty.folder / "the shop").mkdir()
    where = ("--workspace", "the shop")
    (document,) = empty(*where, "-o", "json", "-c", "/workflow list").documents
    assert document["error"]["hint"] == "penguin init --workspace 'the shop'"
    assert empty(*where, "init").code == 0
    assert empty(*where, "-c", "/workflow list").out == "No workflows.\n"
    assert not (empty.folder / "penguin.yaml").exists()


def test_help_on_a_subcommand(empty: Program) -> None:
    for name in ("worker", "init", "check", "completion"):
        text = empty("help", name).out
        assert "Usage: penguin" in text
        assert empty(name, "--help").out == empty("-h", name).out == text
