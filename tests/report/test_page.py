"""The HTML pages: well-formed, self-contained, and harmless whatever the text is."""

from __future__ import annotations

import re

import pytest
from tests.report.html_reader import HtmlReader
from tests.report.sample_reports import WORKFLOWS, blueprint, hostile_blueprint, workflow

from penguin_commands.results.report import ChangesReport, FileReport, WorkflowReport
from penguin_repl.report.blueprint_page import blueprint_page
from penguin_repl.report.elements import Markup, element, escape_text
from penguin_repl.report.page import workflow_page

STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
PAGES = {name: workflow_page(report) for name, report in WORKFLOWS.items()} | {
    "blueprint": blueprint_page(blueprint()),
    "hostile blueprint": blueprint_page(hostile_blueprint()),
    "empty blueprint": blueprint_page(blueprint(tasks=())),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_self_contained(name: str) -> None:
    page = PAGES[name]
    found = HtmlReader(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "b" if False else "img"}
    assert not [key for _, attributes in found.elements for key in attributes if key.startswith("on")]
    # Links lead to places of the page itself.
    assert all(target.startswith("#") for target in found.attributes("href"))
    assert not found.attributes("src")
    style = STYLE.search(page)
    assert style is not None
    assert not re.search(r"url\((?!#)|@import|https?:", style[0])
    assert found.count("h1") == 1


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_links_have_targets(name: str) -> None:
    found = HtmlReader(PAGES[name])
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in found.attributes("href")} <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_no_character_controls_anything(name: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", PAGES[name])
    PAGES[name].encode()


def test_hostile_text_is_shown() -> None:
    text = HtmlReader(PAGES["hostile"]).text
    assert "<script>alert(1)</script>" in text
    assert "\\x00" in text
    assert "\\u202e" in text
    assert "red" in text
    assert "[31m" not in text


def test_a_page_says_what_matters() -> None:
    text = HtmlReader(PAGES["ordinary"]).text
    for words in (
        "Log in with a password",
        "✓ COMPLETED",
        "3 files changed, +1 −1 lines",
        "$0.42",
        "a wrong password is refused",
        "pytest tests/login",
        "(approved by Ada)",
        "task-2 (not started)",
        "+NEW = '<b>'",
        "not compared: big.bin",
        "exit code 1",
        "tests.test_a::test_two",
        "assert 1 == 2",
        "Use bcrypt, not md5.",
        "delivered with attempt 3",
        "I read all of it.",
        "a" * 40,
        "docs/old.md → docs/new name.md",
    ):
        assert words in text, words


def test_a_page_of_a_blueprint_counts_its_tasks() -> None:
    text = HtmlReader(PAGES["blueprint"]).text
    for words in ("Authentication", "1COMPLETED", "1BLOCKED", "1waiting", "TEST FAILED: 1 of 3", "It waits for b."):
        assert words in text, words


def test_large_diffs_are_folded() -> None:
    lines = ("@@ -0,0 +1,500 @@", *(f"+{number}" for number in range(500)))
    files = (
        FileReport("large.txt", "added", 500, 0, diff=lines, left_out=7),
        FileReport("s", "added", 1, 0, diff=("+",)),
    )
    found = HtmlReader(workflow_page(workflow(changes=ChangesReport(files, more_files=2))))
    folded = [
        attributes for tag, attributes in found.elements if tag == "details" and attributes.get("class") == "file"
    ]
    assert ["open" in attributes for attributes in folded] == [False, True]
    assert "7 more lines: /workflow diff" in found.text
    assert "2 more files: /workflow diff" in found.text


def test_a_timeline_has_a_row_for_each_attempt() -> None:
    found = HtmlReader(PAGES["ordinary"])
    rows = [attributes for tag, attributes in found.elements if tag == "div" and attributes.get("class") == "row"]
    assert len(rows) == 4
    bars = [attributes for tag, attributes in found.elements if tag == "rect"]
    assert [bar["class"] for bar in bars] == [
        "wait",
        "bar passed",
        "bar failed",
        "wait",
        "bar passed",
        "wait",
    ]
    for bar in bars:
        start, width = (float(str(bar[key]).removesuffix("%")) for key in ("x", "width"))
        assert start >= 0
        assert width > 0
        assert start + width <= 100.01


@pytest.mark.parametrize("report", WORKFLOWS.values(), ids=WORKFLOWS)
def test_the_same_report_gives_the_same_page(report: WorkflowReport) -> None:
    assert workflow_page(report) == workflow_page(report)


def test_elements_escape_text_but_not_markup() -> None:
    assert element("p", "<b>", Markup("<b></b>"), None, class_='a"b', open=True, hidden=False) == (
        '<p class="a&quot;b" open>&lt;b&gt;<b></b></p>'
    )
    assert element("br") == "<br/>"
    assert escape_text("a\x00\u202eb\x1b[1m") == "a\\x00\\u202eb"
