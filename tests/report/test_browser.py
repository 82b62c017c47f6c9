"""The pages in a real browser: headless Chromium, as Debian's package `chromium` installs it."""

from __future__ import annotations

import html
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from tests.report.html_reader import HtmlReader
from tests.report.sample_reports import WORKFLOWS, blueprint, hostile_blueprint

from penguin_repl.report.blueprint_page import blueprint_page
from penguin_repl.report.page import workflow_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
PAGES = {name: workflow_page(report) for name, report in WORKFLOWS.items()} | {
    "blueprint": blueprint_page(blueprint()),
    "hostile blueprint": blueprint_page(hostile_blueprint()),
}

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium; on Debian and Ubuntu: apt install chromium"),
]


def browse(page: Path, *options: str) -> bytes:
    """Open a page in a browser of its own, and return what it prints."""
    arguments = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [CHROMIUM, *arguments, profile, *options, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


@pytest.mark.parametrize("name", PAGES)
def test_a_browser_reads_the_elements_that_were_written(name: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(PAGES[name], encoding="utf-8")
    read = HtmlReader(browse(page, "--dump-dom").decode())
    written = HtmlReader(PAGES[name])
    # Had text become markup, or markup been broken, the browser would have other elements.
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in written.elements]
    assert read.attributes("id") == written.attributes("id")
    assert read.count("script") == 0
    assert read.text.split() == written.text.split()


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_window_needs_no_scrolling_to_the_side(name: str, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe id="page" style="width: 400px; border: 0" srcdoc="{html.escape(PAGES[name])}"></iframe>'
        "<script>page.onload = () => {"
        "document.body.title = page.contentDocument.documentElement.scrollWidth }</script>",
        encoding="utf-8",
    )
    (width,) = re.findall(r'<body title="(\d+)">', browse(frame, "--dump-dom", "--virtual-time-budget=5000").decode())
    assert int(width) <= 400


def test_a_page_can_be_seen_and_printed(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(PAGES["ordinary"], encoding="utf-8")
    picture, print_out = tmp_path / "report.png", tmp_path / "report.pdf"
    browse(page, "--window-size=800,600", f"--screenshot={picture}")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (800, 600)
    # An empty page is a picture of a few hundred bytes.
    assert len(data) > 10_000
    browse(page, f"--print-to-pdf={print_out}")
    assert print_out.read_bytes().startswith(b"%PDF")
