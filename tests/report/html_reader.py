"""A strict reader of HTML: every element is closed, in order."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br"}
"""Elements without an end tag."""


class HtmlReader(HTMLParser):
    """Collects elements with their attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute of {tag} is there twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"a processing instruction: {data!r}")

    def attributes(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [value or "" for _, found in self.elements for key, value in found.items() if key == name]

    def count(self, tag: str) -> int:
        """Return the number of elements."""
        return sum(found == tag for found, _ in self.elements)
