"""Workflows in private clones: what they see, and what of their work reaches the target branch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.native.trees.tree_workspace import BRANCH, TreeWorkspace
from tests.support.git_repository import git

from penguin.orchestration.backend import WorkflowError, WorkflowInfo
from penguin.orchestration.blueprint import load_blueprints
from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.config import load_settings

pytestmark = pytest.mark.anyio


def gates(implement: str = "true", test: str = "true", **more: Any) -> dict[str, Any]:
    return {"implement": {"run": [implement]}, "test": {"run": [test]}, "use": "skip", "verify": "skip", **more}


async def run(trees: TreeWorkspace, *tasks: str, **config: Any) -> list[WorkflowInfo]:
    """Run tasks until they are settled."""
    async with trees.backend(**config) as backend:
        started = await backend.start_tasks(tasks)
        return await backend.wait_workflows(started, 60)


async def run_one(trees: TreeWorkspace, **phases: Any) -> WorkflowInfo:
    trees.tasks({"id": "a", "title": "Add a", "phases": gates(**phases)})
    (info,) = await run(trees, "a")
    return info


async def test_a_backlog_lands_in_parallel_one_commit_a_task(trees: TreeWorkspace) -> None:
    tasks = [f"t{number}" for number in range(6)]
    trees.tasks(*tasks)
    base = trees.commit("tasks")
    infos = await run(trees, *tasks, max_parallel=4)
    assert {(info.status, info.progress) for info in infos} == {("COMPLETED", 100)}
    assert trees.subjects()[:2] == ["begin", "tasks"]
    assert sorted(trees.subjects()[2:]) == tasks
    assert {f"{task}.txt" for task in tasks} <= trees.files()
    # The user's own files and branch are as they were.
    assert trees.tip("main") == base
    assert trees.run("status", "--porcelain") == ""
    assert trees.run("fsck", "--no-dangling") == ""


async def test_the_commit_names_the_workflow_and_its_tree(trees: TreeWorkspace) -> None:
    info = await run_one(trees, implement="echo new > new.txt")
    message = trees.run("log", "-1", "--format=%an <%ae>%n%B", BRANCH)
    assert message.startswith("Ada <ada@example.org>\nAdd a\n")
    assert f"Penguin-Workflow: {info.workflow_id}\n" in message
    assert f"Penguin-Tree: {trees.tip(f'{BRANCH}^{{tree}}')}" in message


async def test_gates_see_only_what_is_committed(trees: TreeWorkspace) -> None:
    info = await run_one(
        trees, implement="echo built > out.log; echo x > x.txt", test="test -f x.txt && test ! -e out.log"
    )
    assert info.status == "COMPLETED", info.error_message


async def test_a_gate_that_changes_what_it_checks_fails(trees: TreeWorkspace) -> None:
    trees.configure(retry={"max_attempts": 1})
    info = await run_one(trees, implement="echo x > x.txt", test="echo more >> x.txt")
    assert info.status == "BLOCKED"
    assert "TEST changed files that it was to check: x.txt" in str(info.error_message)


async def test_steps_know_the_tree_and_the_checkout(trees: TreeWorkspace) -> None:
    say = 'echo "$PENGUIN_WORKSPACE $PENGUIN_CHECKOUT $PWD $(pwd)" > where.txt'
    await run_one(trees, implement=say)
    inside, checkout, *here = trees.show("where.txt").split()
    assert checkout == str(trees.root.resolve())
    assert here == [inside, inside]
    assert not Path(inside).is_relative_to(trees.root)


async def test_a_command_inside_a_tree_reads_the_workspace_that_owns_it(trees: TreeWorkspace) -> None:
    info = await run_one(trees, implement='penguin -o json -c "/workflow list" > list.json')
    assert info.workflow_id in trees.show("list.json")
    again = await run_one(
        trees, implement='penguin -c "/workflow pause a" > said.txt 2>&1 || true; echo ok >> said.txt'
    )
    assert again.status == "COMPLETED"
    assert "ok" in trees.show("said.txt")
    assert "pause" in trees.show("said.txt"), "it is refused"


async def test_an_empty_change_completes(trees: TreeWorkspace) -> None:
    info = await run_one(trees)
    assert info.status == "COMPLETED"
    assert trees.subjects() == ["begin"]


async def test_a_dependency_is_in_the_base(trees: TreeWorkspace) -> None:
    trees.tasks("a", {"id": "b", "dependencies": ["a"], "phases": gates(implement="cp a.txt b.txt")})
    infos = await run(trees, "a", "b")
    assert [info.status for info in infos] == ["COMPLETED"] * 2
    assert trees.show("b.txt") == "a\n"


async def test_trees_of_completed_workflows_are_removed(trees: TreeWorkspace) -> None:
    info = await run_one(trees, implement="echo x > x.txt")
    assert not trees.work(info.workflow_id).parent.exists()


# --- landing ---


async def test_gates_run_again_on_the_merged_tree(trees: TreeWorkspace) -> None:
    """`b` begins with `a` and lands after it."""
    wait = 'while [ "$(git -C "$PENGUIN_CHECKOUT" log --format=%s penguin/b | head -1)" != a ]; do sleep 0.05; done'
    trees.tasks(
        "a", {"id": "b", "phases": gates(implement=f"{wait}; echo b > b.txt", test="ls >> $PENGUIN_CHECKOUT/seen.log")}
    )
    infos = await run(trees, "a", "b", max_parallel=2)
    assert [info.status for info in infos] == ["COMPLETED"] * 2
    seen = (trees.root / "seen.log").read_text()
    assert seen.count("b.txt") == 2
    assert seen.count("a.txt") == 1, "the second time with the other's file"


async def test_two_changes_that_break_each_other_do_not_both_land(trees: TreeWorkspace) -> None:
    wait = 'while [ "$(git -C "$PENGUIN_CHECKOUT" log --format=%s penguin/b | head -1)" != a ]; do sleep 0.05; done'
    test = "! { test -f a.txt && test -f b.txt; }"
    trees.tasks(
        {"id": "a", "phases": gates(implement="echo > a.txt", test=test)},
        {"id": "b", "phases": gates(implement=f"{wait}; echo > b.txt", test=test)},
    )
    first, second = await run(trees, "a", "b", max_parallel=2)
    assert (first.status, second.status) == ("COMPLETED", "BLOCKED")
    assert "TEST failed on the tree merged with what landed meanwhile" in str(second.error_message)
    assert trees.subjects()[-1] == "a"


async def test_a_person_resolves_a_conflict(trees: TreeWorkspace) -> None:
    wait = 'while [ "$(git -C "$PENGUIN_CHECKOUT" log --format=%s penguin/b | head -1)" != a ]; do sleep 0.05; done'
    trees.tasks(
        {"id": "a", "phases": gates(implement="sed -i s/two/A/ shared.txt")},
        {"id": "b", "phases": gates(implement=f"{wait}; sed -i s/two/B/ shared.txt; echo b > b.txt")},
    )
    async with trees.backend(max_parallel=2) as backend:
        started = await backend.start_tasks(["a", "b"])
        _, info = await backend.wait_workflows(started, 60)
        assert info.status == "BLOCKED"
        assert "conflict with commits that landed meanwhile: shared.txt" in str(info.error_message)
        shared = trees.work(started[1]) / "shared.txt"
        assert "<<<<<<<" in shared.read_text()
        await backend.resume_workflow(started[1])
        (info,) = await backend.wait_workflows(started[1:], 60)
        assert info.status == "BLOCKED", "the markers are still there"
        assert "conflict markers are left in shared.txt" in str(info.error_message)
        shared.write_text("one\nA and B\nthree\n")
        await backend.resume_workflow(started[1])
        (info,) = await backend.wait_workflows(started[1:], 60)
    assert info.status == "COMPLETED", info.error_message
    assert trees.show("shared.txt") == "one\nA and B\nthree\n"
    assert trees.files() >= {"b.txt"}
    assert trees.subjects() == ["begin", "a", "b"]


async def test_the_checked_out_branch_moves_with_its_files(trees: TreeWorkspace) -> None:
    trees._settings = {"land": {"branch": "current"}}
    trees.configure()
    trees.commit("land on the current branch")
    (trees.root / "notes.txt").write_text("mine")
    info = await run_one(trees, implement="echo x > x.txt")
    assert info.status == "COMPLETED", info.error_message
    assert trees.read("x.txt") == "x\n"
    assert trees.subjects("main")[-1] == "Add a"
    assert trees.read("notes.txt") == "mine"


async def test_local_changes_in_the_way_block_the_landing(trees: TreeWorkspace) -> None:
    trees._settings = {"land": {"branch": "current"}}
    trees.configure()
    trees.tasks({"id": "a", "title": "Add a", "phases": gates(implement="sed -i s/two/A/ shared.txt")})
    tip = trees.commit("land on the current branch")
    (trees.root / "shared.txt").write_text("one\ntwo\nmine\n")
    async with trees.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        info = await backend.wait_workflow(workflow_id, 60)
        assert info.status == "BLOCKED"
        assert "would overwrite changes" in str(info.error_message)
        assert (trees.tip("main"), trees.read("shared.txt")) == (tip, "one\ntwo\nmine\n")
        git(trees.root, "stash", "-q")
        await backend.resume_workflow(workflow_id)
        info = await backend.wait_workflow(workflow_id, 60)
    assert info.status == "COMPLETED", info.error_message
    assert trees.read("shared.txt") == "one\nA\nthree\n"
    assert trees.run("stash", "list").count("\n") == 1


async def test_landing_off_leaves_a_branch(trees: TreeWorkspace) -> None:
    trees._settings = {"land": "off"}
    trees.configure()
    info = await run_one(trees, implement="echo x > x.txt")
    assert info.status == "COMPLETED", info.error_message
    assert trees.show("x.txt", "penguin/a") == "x\n"
    assert trees.run("branch", "--list", BRANCH) == ""


async def test_a_person_approves_before_the_branch_moves(trees: TreeWorkspace) -> None:
    trees._settings = {"land": {"review": True}}
    trees.configure()
    trees.tasks({"id": "a", "phases": gates(implement="echo x > x.txt")})
    async with trees.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        info = await backend.wait_workflow(workflow_id, 60)
        assert (info.status, info.progress) == ("BLOCKED", 95)
        assert "x.txt" not in trees.files()
        await backend.signal_workflow(workflow_id, "approve", {"by": "Ann"})
        info = await backend.wait_workflow(workflow_id, 60)
    assert info.status == "COMPLETED"
    assert "x.txt" in trees.files()


async def test_the_users_commit_in_between_lands_first(trees: TreeWorkspace) -> None:
    trees._settings = {"land": {"branch": "current"}}
    trees.configure()
    commit = 'cd "$PENGUIN_CHECKOUT" && echo mine > mine.txt && git add mine.txt && git commit -qm mine'
    trees.tasks(
        {
            "id": "a",
            "title": "Add a",
            "phases": gates(implement=f'echo x > x.txt; test -f "$PENGUIN_CHECKOUT/mine.txt" || ({commit})'),
        }
    )
    trees.commit("tasks")
    (info,) = await run(trees, "a")
    assert info.status == "COMPLETED", info.error_message
    assert trees.subjects("main")[-2:] == ["mine", "Add a"]


# --- set-up ---


async def test_set_up_brings_files_that_are_never_part_of_the_commit(trees: TreeWorkspace) -> None:
    trees._settings = {"tree": {"copy": [".env"], "setup": ["mkdir deps && echo lib > deps/lib.txt"]}}
    trees.configure()
    (trees.root / ".env").write_text("KEY=1\n")
    info = await run_one(
        trees, implement="cat .env deps/lib.txt > seen.txt", test="test -f .env && test -f deps/lib.txt"
    )
    assert info.status == "COMPLETED", info.error_message
    assert trees.show("seen.txt") == "KEY=1\nlib\n"
    assert not trees.files() & {".env", "deps/lib.txt"}


async def test_a_failed_set_up_is_named(trees: TreeWorkspace) -> None:
    trees._settings = {"tree": {"setup": ["false"]}}
    trees.configure(retry={"max_attempts": 1})
    info = await run_one(trees, implement="echo x > x.txt")
    assert info.status == "BLOCKED"
    assert "tree.setup" in str(info.error_message)


# --- refusals ---


async def test_a_repository_without_a_commit_is_refused(trees: TreeWorkspace, tmp_path: Path) -> None:
    git(trees.root, "update-ref", "-d", "HEAD")
    async with trees.backend() as backend:
        with pytest.raises(WorkflowError, match="no commit") as caught:
            await backend.start_workflow("a")
    assert "isolation: in-place" in caught.value.hint


async def test_a_retry_can_continue_the_work(trees: TreeWorkspace) -> None:
    trees.configure(retry={"max_attempts": 1, "initial_delay_sec": 0})
    trees.tasks({"id": "a", "phases": gates(implement="echo x > x.txt", test="test -e $PENGUIN_CHECKOUT/go.log")})
    async with trees.backend() as backend:
        first = await backend.start_workflow("a")
        assert (await backend.wait_workflow(first, 60)).status == "BLOCKED"
        (trees.root / "go.log").touch()
        again = await backend.retry_workflow(first, restore=True)
        assert (await backend.wait_workflow(again, 60)).status == "COMPLETED"
        phases = [result["phase"] for result in await backend.query_workflow(again, "get_phase_results")]
    assert phases.count("IMPLEMENT") == 1, "its pass is kept, and no attempt runs"
    assert "x.txt" in trees.files()


async def test_a_retry_lands_the_work_whose_passes_are_all_kept(trees: TreeWorkspace) -> None:
    trees._settings = {"land": {"branch": "current"}}
    trees.configure()
    trees.tasks({"id": "a", "title": "Add a", "phases": gates(implement="sed -i s/two/A/ shared.txt")})
    trees.commit("land on the current branch")
    (trees.root / "shared.txt").write_text("one\ntwo\nmine\n")
    async with trees.backend() as backend:
        first = await backend.start_workflow("a")
        assert (await backend.wait_workflow(first, 60)).status == "BLOCKED"
        git(trees.root, "stash", "-q")
        again = await backend.retry_workflow(first, restore=True)
        info = await backend.wait_workflow(again, 60)
    assert (info.status, info.error_message) == ("COMPLETED", None)
    assert trees.read("shared.txt") == "one\nA\nthree\n"
    assert trees.subjects("main")[-1] == "Add a"


# --- what is said ---


async def test_uncommitted_changes_are_counted_at_the_start(trees: TreeWorkspace) -> None:
    (trees.root / "shared.txt").write_text("changed\n")
    (trees.root / "new.txt").write_text("new\n")
    said: list[str] = []
    async with trees.backend() as backend:
        backend.serve_terminal(claims=True, on_trouble=said.append, narrate=said.append)
        await backend.start_workflow("a")
    assert [line for line in said if "uncommitted" in line] == [
        "2 files have uncommitted changes, which the trees of workflows do not have; git status shows them"
    ]


async def test_what_set_up_can_not_bring_is_an_error(trees: TreeWorkspace) -> None:
    trees._settings = {"tree": {"copy": [".env"]}}
    trees.configure()
    info = await run_one(trees, implement="echo x > x.txt")
    assert info.status == "BLOCKED"
    assert "the workspace does not have: .env" in str(info.error_message)


@pytest.mark.parametrize("key", ["tree", "land"])
def test_settings_of_trees_that_no_task_uses_are_a_warning(trees: TreeWorkspace, key: str) -> None:
    setting = {"tree": {"setup": ["true"]}, "land": {"review": True}}[key]
    (trees.root / "penguin.yaml").write_text(json.dumps({"blueprints": ["b.json"], key: setting}))
    settings = load_settings(trees.root)
    (problem,) = [found for found in lint(load_blueprints(trees.root, settings), settings) if key in found.message]
    assert problem.message == f"{key} has no effect: no task has isolation: tree"
