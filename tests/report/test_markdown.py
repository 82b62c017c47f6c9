"""Reports as Markdown, read by a Markdown parser as GitHub reads it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.report.sample_reports import (
    HOSTILE,
    WORKFLOWS,
    attempt,
    blueprint,
    hostile,
    hostile_blueprint,
    step,
    workflow,
)

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin_commands.results.report import ChangesReport, FeedbackReport, FileReport
from penguin_repl.report.blueprint_markdown import blueprint_markdown
from penguin_repl.report.markdown import workflow_markdown
from penguin_repl.report.markdown_text import LIMIT, cell_code, code, fenced, inline, prose, quoted, table

DOCUMENTS = {name: workflow_markdown(report) for name, report in WORKFLOWS.items()} | {
    "blueprint": blueprint_markdown(blueprint()),
    "hostile blueprint": blueprint_markdown(hostile_blueprint()),
}
OWN_TAGS = re.compile(r"</?(details|summary|b|code|sub)( open)?>|<br>|<!-- penguin-report 1 -->|<!-- -->")
GITHUB = MarkdownIt("gfm-like", {"linkify": False})
TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def html_of(markdown: str) -> list[str]:
    """Return the HTML in a document that is not our own."""
    tokens = GITHUB.parse(markdown)
    every = [*tokens, *(child for token in tokens for child in token.children or ())]
    html = "".join(token.content for token in every if token.type in ("html_block", "html_inline"))
    return re.findall(r"<[^>]*>?", OWN_TAGS.sub("", html))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_text_never_becomes_html(name: str) -> None:
    assert html_of(DOCUMENTS[name]) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_folded_parts_are_closed(name: str) -> None:
    depth = 0
    for token in GITHUB.parse(DOCUMENTS[name]):
        if token.type == "html_block":
            depth += token.content.count("<details") - token.content.count("</details>")
            assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_character_controls_anything(name: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", DOCUMENTS[name])


@pytest.mark.parametrize("name", ["hostile", "hostile blueprint"])
def test_text_mentions_nobody(name: str) -> None:
    for token in GITHUB.parse(DOCUMENTS[name]):
        for child in token.children or ():
            if child.type == "text":
                assert "@ada" not in child.content
                assert "#12" not in child.content


def test_the_summary_comes_first() -> None:
    lines = DOCUMENTS["ordinary"].split("\n")
    assert lines[:3] == ["<!-- penguin-report 1 -->", "## ✅ Log in with a password", ""]
    assert lines[3].startswith("**COMPLETED** · `task-123` · 3 files changed, +1 −1 lines · 1m00s · \\$0.42 · started ")
    assert lines[5] == "| Gate | Verdict | Attempts | Time | What Penguin saw |"
    assert "| TEST | ✅ PASSED | 2 | 16.0s | tests: 3 passed |" in lines


def test_a_large_report_fits_and_says_what_it_leaves_out() -> None:
    files = tuple(
        FileReport(f"f{number}.py", "changed", 400, 0, diff=tuple(f"+é{line}" * 8 for line in range(400)))
        for number in range(40)
    )
    steps = (step(excerpt="x" * 4000),)
    attempts = tuple(attempt(WorkflowPhase.TEST, number, Verdict.FAILED, steps=steps) for number in range(1, 60))
    text = workflow_markdown(workflow(changes=ChangesReport(files), attempts=attempts))
    assert len(text.encode()) <= LIMIT
    assert html_of(text) == []
    assert re.search(r"- \d+ attempts of “What the gates saw”: `/workflow results ituv-task-123-abc123`", text)
    assert re.search(r"- \d+ parts of “What was changed”: `/workflow diff ituv-task-123-abc123`", text)
    # What people said comes before output.
    assert "Use bcrypt, not md5." in text


def test_nothing_is_left_out_of_a_small_report() -> None:
    assert "Left out" not in DOCUMENTS["ordinary"]
    assert "Left out" not in DOCUMENTS["blueprint"]


def test_a_huge_text_is_bounded() -> None:
    huge = workflow(feedback=(FeedbackReport("a", hostile().made_at, "x " * 100_000, None),))
    text = workflow_markdown(huge)
    assert len(text.encode()) <= LIMIT
    assert "- 1 entry of “Approvals and feedback”" in text


def test_a_fence_is_longer_than_those_within() -> None:
    assert fenced("a\n````\nb", "diff") == "`````diff\na\n````\nb\n`````"
    (token,) = GITHUB.parse(fenced(HOSTILE))
    assert token.type == "fence"


@given(TEXT)
def test_inline_text_stays_text(text: str) -> None:
    for shown in (inline(text), prose(text), code(text), f"- {inline(text)}", f"## {inline(text)}", quoted(text)):
        tokens = [token for token in GITHUB.parse(shown) if token.type != "inline"]
        kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
        assert kinds <= {"paragraph", "bullet_list", "list_item", "heading", "blockquote"}
        assert html_of(shown) == []
        inner = [child.type for token in GITHUB.parse(shown) for child in token.children or ()]
        allowed = {"text", "text_special", "code_inline", "hardbreak", "softbreak", "html_inline"}
        assert set(inner) <= allowed


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3))
def test_a_table_keeps_its_columns(rows: list[tuple[str, str]]) -> None:
    text = table(("A", "B"), [(inline(a), cell_code(b)) for a, b in rows])
    assert html_of(text) == []
    cells = [token for token in GITHUB.parse(text) if token.type == "td_open"]
    assert len(cells) == 2 * len(rows)
