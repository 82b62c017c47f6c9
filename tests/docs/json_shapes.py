"""The shapes of docs/json.md, and the differences of a document from its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
ROW = re.compile(r"^\| `(?P<field>\w+)` \| (?P<type>[^|]+) \|", re.MULTILINE)
BASE = re.compile(r"^All fields of a (?P<shape>[\w-]+), and:$", re.MULTILINE)
PLAIN: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "null": (type(None),),
}


class Shape(NamedTuple):
    """The fields of a document, or of a part of it."""

    fields: dict[str, str]
    """Types by name, as written on the page."""
    open: bool
    """Other fields are allowed."""


def shapes() -> dict[str, Shape]:
    """Return all shapes by name."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Shapes\n")[2]
    found: dict[str, Shape] = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        base = BASE.search(body)
        fields = dict(found[base["shape"]].fields) if base else {}
        fields |= {row["field"]: row["type"].strip() for row in ROW.finditer(body) if not row["type"].strip().isdigit()}
        found[name.strip()] = Shape(fields, "there are others" in body)
    return found


def errors() -> dict[str, int]:
    """Return the exit code of each error code on the page."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {code: int(exit_code) for code, exit_code in rows}


def documents() -> dict[str, str]:
    """Return the shape of each command's document."""
    text = PAGE.read_text(encoding="utf-8").partition("## The document of each command")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+) \| ([\w-]+) \|$", text, re.MULTILINE)
    return {name: shape for names, shape in rows for name in re.findall(r"`([^`]+)`", names)}


def differences(known: dict[str, Shape], shape: str, value: Any, where: str = "") -> Iterator[str]:
    """Yield the differences of a value from its shape."""
    if not isinstance(value, dict):
        yield f"{where or shape}: {value!r} is no {shape}"
        return
    fields = known[shape].fields
    for field, kind in fields.items():
        if field in value:
            yield from _wrong(known, kind.removesuffix("?"), value[field], f"{where}.{field}")
        elif not kind.endswith("?"):
            yield f"{where}.{field} of {shape} is gone"
    if not known[shape].open:
        yield from (f"{where}.{field} of {shape} is not in docs/json.md" for field in value if field not in fields)


def _wrong(known: dict[str, Shape], kind: str, value: Any, where: str) -> Iterator[str]:
    if kind == "anything":
        return
    if kind.endswith(" or null"):
        if value is not None:
            yield from _wrong(known, kind.removesuffix(" or null"), value, where)
    elif kind.startswith("list of "):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from _wrong(known, kind.removeprefix("list of "), item, f"{where}[{number}]")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (isinstance(value, bool) and kind != "boolean"):
            yield f"{where}: {value!r} is no {kind}"
    else:
        yield from differences(known, kind, value, where)
