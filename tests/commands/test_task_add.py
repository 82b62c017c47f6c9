"""`/task add`: which file it adds to, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.backend import BlueprintError
from penguin_commands.errors import UsageError
from penguin_commands.execute import execute
from penguin_commands.results.tasks import AddedTaskResult
from penguin_commands.session import Session

pytestmark = pytest.mark.anyio
CONFIG = "project: {id: shop}\nblueprints: [blueprints/*.md, more/*.yaml]\n"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    return Session(tmp_path)


def write(session: Session, path: str, text: str) -> Path:
    file = Path(session.workspace.root, path)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


async def add(session: Session, arguments: str) -> AddedTaskResult:
    result = await execute(session, f"/task add {arguments}")
    assert isinstance(result, AddedTaskResult)
    return result


async def test_the_first_task_creates_a_blueprint(session: Session) -> None:
    added = await add(session, "Write the first test --priority high")
    assert added == AddedTaskResult("write-the-first-test", "tasks", "blueprints/tasks.md", 5, created=True)
    again = await add(session, "Second --depends write-the-first-test --criterion ok --check true --recipe 'echo 1'")
    assert (again.path, again.created) == ("blueprints/tasks.md", False)
    task = session.blueprints.find("second").task
    assert [(it.text, it.check) for it in task.criteria] == [("ok", "true")]
    assert [step.source.strip() for recipe in task.recipes for step in recipe.steps] == ["echo 1"]


async def test_a_new_blueprint_can_be_named(session: Session) -> None:
    assert (await add(session, "First --blueprint later")).path == "blueprints/later.md"


async def test_of_several_blueprints_one_is_named(session: Session) -> None:
    write(session, "blueprints/one.md", "## Tasks\n\n- [ ] A-1 First\n")
    other = write(session, "more/two.yaml", "items:\n  - id: B-1 # first\n")
    with pytest.raises(BlueprintError, match="there are 2 blueprints: one, two") as raised:
        await add(session, "New")
    assert raised.value.hint == "choose one: --blueprint one"
    added = await add(session, "New --blueprint two --depends A-1")
    assert added.task_id == "B-2"
    assert other.read_text() == "items:\n  - id: B-1 # first\n  - id: B-2\n    title: New\n    depends_on: [A-1]\n"
    with pytest.raises(BlueprintError, match="unknown blueprint 'tow'"):
        await add(session, "New --blueprint tow")


async def test_an_unknown_dependency_is_refused(session: Session) -> None:
    file = write(session, "blueprints/one.md", "## Tasks\n\n- [ ] A-1 First\n")
    with pytest.raises(BlueprintError, match="--depends: unknown task 'A-11'") as raised:
        await add(session, "New --depends A-1,A-11")
    assert raised.value.hint == "did you mean A-1?"
    assert "New" not in file.read_text()


@pytest.mark.parametrize("flags", ["--criterion a --criterion b --check c", "--criterion a --check b --check c"])
async def test_each_criterion_has_its_check_or_none_has(session: Session, flags: str) -> None:
    with pytest.raises(UsageError, match="of --criterion and"):
        await add(session, f"New {flags}")
    assert not Path(session.workspace.root, "blueprints").exists()


async def test_a_link_out_of_the_workspace_is_not_followed(
    session: Session, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "notes.md"
    outside.write_text("## Tasks\n\n- [ ] A-1 First\n")
    Path(session.workspace.root, "blueprints").mkdir()
    Path(session.workspace.root, "blueprints/one.md").symlink_to(outside)
    with pytest.raises(BlueprintError, match="outside of the workspace"):
        await add(session, "New")
    assert "New" not in outside.read_text()


async def test_without_a_pattern_for_a_new_file_it_says_so(session: Session) -> None:
    write(session, "penguin.yaml", "project: {id: shop}\nblueprints: ['*/[ab]*.md']\n")
    with pytest.raises(BlueprintError, match="no file can be created"):
        await add(session, "New")
