"""The first part of a report as an SVG file, which holds the page itself."""

from __future__ import annotations

import re
from xml.etree import ElementTree

WIDTH, HEIGHT = 900, 1400
"""Pixels of the picture. The rest of the page is cut off."""
XHTML, SVG = "http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"
WORDLESS = re.compile(r"(<details[^>]*) open>")
"""An attribute without a value, which XML does not have."""
SHOWN = ("timeline", "asked", "changed")
"""The ids of the headings of sections in the picture."""


def report_svg(page: str) -> str:
    """Return the first sections of a page as a picture. It holds nothing that the picture does not show."""
    document = ElementTree.fromstring(WORDLESS.sub(r'\1 open="">', page.partition("\n")[2]))
    style = document.findtext("head/style") or ""
    body = document.find("body")
    assert body is not None
    for parent in [*body.iter()]:
        for child in [*parent]:
            if _is_left_out(child):
                parent.remove(child)
    _name_elements(body)
    ElementTree.register_namespace("", XHTML)
    ElementTree.register_namespace("svg", SVG)
    content = ElementTree.tostring(body, encoding="unicode")
    return (
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n'
        f"<style>{_escape(style)}</style>\n"
        f'<foreignObject width="{WIDTH}" height="{HEIGHT}">{content}</foreignObject>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#8c959f"/>\n</svg>\n'
    )


def _is_left_out(element: ElementTree.Element) -> bool:
    if element.tag == "footer":
        return True
    heading = element.find("h2")
    return element.tag == "section" and heading is not None and heading.get("id") not in SHOWN


def _name_elements(body: ElementTree.Element) -> None:
    """Put the elements of the page into their namespaces, which HTML knows without being told."""
    drawings = {part for drawing in body.iter("svg") for part in drawing.iter()}
    for part in [*body.iter()]:
        part.tag = f"{{{SVG if part in drawings else XHTML}}}{part.tag}"


def _escape(style: str) -> str:
    return style.replace("&", "&amp;").replace("<", "&lt;")
