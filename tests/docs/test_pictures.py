"""The pictures in the documents, against what the program draws now."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docs.pictures.__main__ import IMAGES, draw_pictures
from docs.pictures.animation import Frame, to_animation

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
RECORDING = "recording"
LARGEST = 400_000
"""Bytes of a file: a reader loads all pictures of a page."""

pytestmark = pytest.mark.acceptance


def test_the_pictures_are_up_to_date() -> None:
    drawn = draw_pictures()
    assert {*drawn, RECORDING} == {path.stem for path in IMAGES.iterdir()}
    for name, svg in drawn.items():
        path = IMAGES / f"{name}.svg"
        is_current = path.read_text(encoding="utf-8") == svg
        assert is_current, f"{path.relative_to(ROOT)} shows something else than Penguin does now: run `make pictures`"


def test_each_picture_is_in_a_document() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    shown = {name for text in texts for name in re.findall(r"images/(\w+)\.svg", text)}
    assert shown == {path.stem for path in IMAGES.iterdir()}


def test_pictures_are_small_and_load_nothing() -> None:
    for path in IMAGES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.encode()) < LARGEST, path.name
        # The addresses of namespaces are names.
        assert not re.search(r"(?:href|src)=|url\(\"?(?!#)|@import", text), path.name


def test_a_recording_shows_each_line_for_its_time() -> None:
    frames = [
        Frame(0.0, ("<text>one</text>", "")),
        Frame(2.0, ("<text>one</text>", "<text>two</text>")),
        Frame(4.0, ("", "<text>two</text>")),
    ]
    svg = to_animation(frames, columns=10)
    ElementTree.fromstring(svg)
    assert "animation:8.0s step-end infinite" in svg
    # The first line until the last frame; the second one from 2 of 8 seconds to the end.
    assert "{0.00%{visibility:visible}50.00%{visibility:hidden}}" in svg
    assert "{25.00%{visibility:visible}}" in svg
    assert svg.count("<text>") == 2
