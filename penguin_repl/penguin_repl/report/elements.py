"""HTML elements. All text passes through `escape_text`, so nothing in a task or in output becomes markup."""

from __future__ import annotations

import html

from penguin_repl.report.visible_text import visible_text

VOID = frozenset({"meta", "br", "rect", "line"})
"""Elements without an end tag; those of SVG are closed within the tag."""


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


def escape_text(text: str) -> Markup:
    """Return text as HTML that shows it: also control characters, and without any effect of theirs."""
    return Markup(html.escape(visible_text(text), quote=True))


def element(name: str, /, *content: str | None, **attributes: str | bool | None) -> Markup:
    """Return an element.

    Args:
        name: The name of the tag.
        content: Markup, which stays as it is, or any other text, which is escaped. None is left out.
        attributes: Their values. An underscore at the end of a name is dropped, others become hyphens. None and False
            are left out; True is an attribute without a value.
    """
    start = name + "".join(map(_attribute, attributes, attributes.values()))
    if name in VOID:
        return Markup(f"<{start}/>")
    return Markup(f"<{start}>{join(*content)}</{name}>")


def prose(text: str) -> Markup:
    """Return text of a task, in which what is between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape_text(text)
    return join(*(element("code", part) if index % 2 else part for index, part in enumerate(parts)))


def join(*content: str | None) -> Markup:
    """Return several pieces of content, one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape_text(part) for part in content if part))


def lines_of(*content: str | None) -> Markup:
    """Return several elements, each on a line of its own."""
    return Markup("\n".join(join(part) for part in content if part))


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{escape_text(value)}"'
