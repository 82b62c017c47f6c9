"""Memos that another program wrote: they are an error of their own, which a list can report and leave out."""

from __future__ import annotations

import pytest

from penguin.orchestration.temporal.client.memo import UnreadableMemo, decode_memo


@pytest.mark.parametrize(
    "summary", ["", "7", "[1]", "[1, []]", '[1, {"status": "x"}]', "[1, {}]", '["a", {}]', "\ud800", "[" * 10_000]
)
@pytest.mark.parametrize("definition", ["{}", "7", "\ud800", '{"task": ' * 2_000])
def test_a_memo_of_another_form(summary: str, definition: str) -> None:
    with pytest.raises(UnreadableMemo, match="can't read"):
        decode_memo(summary, definition)
