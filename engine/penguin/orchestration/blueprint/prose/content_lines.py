"""The lines of a Markdown text that say something: those outside of code blocks and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->")


def content_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line outside of code blocks and comments. A Mermaid graph is content."""
    fence, comment = "", False
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        mark = re.match(r"(`{3,}|~{3,})", bare)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and bare == mark[1] else fence
        elif comment:
            comment = "-->" not in line
        elif mark and "mermaid" not in bare:
            fence = mark[1]
        else:
            rest = _COMMENT.sub("", line)
            rest, opened, _ = rest.partition("<!--")
            comment = bool(opened)
            yield number, rest
