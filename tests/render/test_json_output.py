"""JSON documents hold any text, and can't control a terminal."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin_commands.results.output import Log
from penguin_repl.output.screen import Screen, Style
from penguin_repl.output.step_output_printer import LogPrinter
from penguin_repl.render.json_output import json_document, json_lines
from penguin_repl.text.escape import CONTROL

CONTROLS = "\x00\x1b\x7f\x80\x9b\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ud800\udfff"
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from(CONTROLS)))


@given(st.recursive(TEXTS, lambda values: st.lists(values) | st.dictionaries(TEXTS, values)))
def test_a_document_is_one_line_without_control_characters_and_means_the_same(data: object) -> None:
    document = json_document(data)

    assert document.endswith("\n")
    assert not re.search(CONTROL, document[:-1])
    assert json.loads(document) == json.loads(json.dumps(data))


@pytest.mark.parametrize("char", CONTROLS)
def test_a_row_escapes_control_characters(char: str) -> None:
    assert json_lines({"rows": [{"text": char}]}) == f'{{"text": "\\u{ord(char):04x}"}}\n'


@pytest.mark.parametrize("raw", [False, True])
def test_logs_are_never_raw_on_a_terminal(tmp_path: Path, *, raw: bool) -> None:
    output = io.StringIO()
    path = tmp_path / "step.log"
    path.write_bytes(b"one\x1b[2Jtwo\xc2\x9b2J\xe2\x80\xae\n")
    printer = LogPrinter(Screen(Style(terminal=True), output), raw=raw)

    printer.write(Log("TEST", 1, "step", "step.log", str(path)), path.read_bytes())
    printer.finish()

    assert output.getvalue().splitlines()[1:] == ["onetwo\\x9b2J\\u202e"]
