"""What an import writes reads back as what it read, whatever the texts are."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.id_resolution import complete
from penguin.orchestration.blueprint.importers.writer import blueprint_text
from penguin.orchestration.blueprint.loader import parse_blueprint
from penguin.orchestration.config.document_checker import Checker

TRICKY = st.sampled_from(
    [
        *(
            "",
            " ",
            "~",
            "null",
            "yes",
            "no",
            "on",
            "1e5",
            "007",
            "0x1F",
            "1_000",
            "-",
            "- a",
            "? a",
            ": ",
            "a: b",
            "#",
            "a #b",
        ),
        *(
            "`check: rm -rf /`",
            "---",
            "...",
            "- [ ] A",
            "## Tasks",
            "{a: b}",
            "[a]",
            "'",
            '"',
            "\\",
            "%",
            "@",
            "!tag",
            "&a",
        ),
        *(
            "|",
            ">",
            "\t",
            "  lead",
            "trail  ",
            "\n\na",
            "a\n\n",
            "a\n  b\n c",
            " \n a",
            "\x1b[2J",
            "\x85",
            "\u2028",
            "\ufeff",
        ),
    ]
)
TEXT = st.one_of(
    TRICKY,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.lists(TRICKY, min_size=1, max_size=4).map("\n".join),
)
IDS = st.text("abcAB01-._/ é", max_size=8)


@st.composite
def backlogs(draw: st.DrawFn) -> ImportedBacklog:
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    items = []
    for number, item_id in enumerate(ids):
        named = [one for one in ids[:number] if one]
        items.append(
            ImportedItem(
                id=item_id,
                title=draw(TEXT),
                line=number + 1,
                description=draw(TEXT),
                dependencies=draw(st.lists(st.sampled_from(named), max_size=3)) if named else [],
                criteria=draw(st.lists(TEXT, max_size=3)),
                done=draw(st.booleans()),
                priority=draw(st.sampled_from(["", "high", "low"])),
                metadata=draw(st.dictionaries(TEXT, TEXT, max_size=2)),
            )
        )
    return ImportedBacklog(format="test", id="x", title=draw(TEXT), items=items, prose=draw(st.lists(TEXT, max_size=2)))


@settings(max_examples=300, deadline=None)
@given(backlogs())
def test_a_blueprint_reads_back_as_the_backlog(backlog: ImportedBacklog) -> None:
    complete(backlog, checker := Checker("source"))
    assert checker.problems == []
    text = blueprint_text(backlog, "x", "some source")
    read = parse_blueprint(text, "x.yaml", "p")
    # A text may state a dependency, such as `a: A-1`, which is a warning.
    assert not read.broken
    for task, item in zip(read.tasks, backlog.items, strict=True):
        assert task.id == item.id
        assert task.title == item.title
        assert task.description == item.description
        assert task.dependencies == tuple(item.dependencies)
        assert [one.text for one in task.criteria] == item.criteria
        assert task.done == item.done
        assert task.priority == (item.priority or "medium")
        assert not task.recipes
        assert not any(one.check for one in task.criteria)
    assert isinstance(yaml.safe_load(text), dict)


def test_the_header_can_not_be_left(tmp_path: Path) -> None:
    backlog = ImportedBacklog(format="test", id="x", items=[ImportedItem(id="A", title="a", line=1)])
    text = blueprint_text(backlog, "x", "a\nphases: {implement: {run: evil}}\r\u2028b")
    assert parse_blueprint(text, "x.yaml", "p").items[0].phases == {}
