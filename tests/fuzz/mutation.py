"""Random changes of text, bytes and JSON values, as accidents and attackers make them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

CONTROLS = tuple(map(chr, (*range(32), *range(0x7F, 0xA0))))
ODD_CHARACTERS = ("\u2028", "\u2029", "\u200b", "\u202e", "\u2066", "\ufeff", "\ufffd", "\U0001f427", "e\u0301", "字")
SURROGATES = ("\ud800", "\udfff", "\udc80", "\udcff")
LINE_ENDS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028")
QUOTES = ("'", '"', "`", "\\", '"""', "```", "$(", "${")
OPENERS = ("[", "{", "(", '{"a":', "{a: ", "- ", "> ", "<a>", "&a [*a, ", "# ", "  ", "(a+", "| ", "!!python/object ")
NUMBERS = ("0", "-1", "-0", "00", "1e999", "1e-999", "NaN", "-Infinity", ".inf", "9" * 30, "9" * 5_000, "0x10", "1_000")
NUMBERS += (
    "٣",
    "²",
    "9223372036854775808",
    "1.7976931348623157e308",
    "2147483648",
    "256",
    "0.0000001",
    "1:30",
    "2024-13-45",
)
WORDS = (
    "null",
    "true",
    "no",
    "~",
    "",
    "*",
    "..",
    "/",
    "--",
    "-",
    "-x",
    "@last",
    "#",
    "&a",
    "*a",
    "<<: *a",
    "---",
    "%YAML 1.2",
)
DEPTHS = (3, 30, 150, 1_200)
LENGTHS = (100, 5_000, 70_000)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), -(2**63), 2**64, 10**310),
    *("", "\0", "\x1b[31m\x9b2J", "\ud800", "a" * 9_000, "NaN", "../../x", "/", "9" * 5_000, "\u202e\u2028"),
    *([], {}, [[]], {"": ""}, [None], {"type": "x"}, [{}], {"id": None}),
)


def mutate_text(dice: Random, text: str) -> str:
    """Return the text with one to four random changes."""
    for _ in range(1 + min(3, int(dice.expovariate(1.2)))):
        text = dice.choice(TEXT_MUTATIONS)(dice, text)
    return text


def mutate_bytes(dice: Random, data: bytes) -> bytes:
    """Return the bytes with random changes: as text, or byte by byte."""
    if dice.random() < 0.6:
        return mutate_text(dice, data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")
    changed = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        start = dice.randint(0, len(changed))
        match dice.randrange(4):
            case 0:
                del changed[start : start + dice.choice((1, 4, 50))]
            case 1:
                changed[start:start] = dice.choice(
                    (b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0" * 600)
                )
            case 2:
                changed[start : start + 1] = bytes([dice.randrange(256)])
            case _:
                changed = changed[:start]
    return bytes(changed)


def mutate_json(dice: Random, value: Any) -> Any:
    """Return a JSON value with one to three of its parts replaced, removed, repeated or moved."""
    changed = copy.deepcopy(value)
    for _ in range(dice.randint(1, 3)):
        parts = list(_parts(changed))
        if not parts:
            return dice.choice(ODD_VALUES)
        holder, key = dice.choice(parts)
        _change_part(dice, holder, key)
    return changed


def mutate_document(dice: Random, value: Any) -> str:
    """Return the JSON of a value, with changes of its parts, of its text, or of both."""
    if dice.random() < 0.8:
        value = mutate_json(dice, value)
    text = json.dumps(value)
    return mutate_text(dice, text) if dice.random() < 0.25 else text


def as_bytes(text: str) -> bytes:
    """Return the bytes of a text: of escaped bytes these, and of other surrogates their invalid UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


# --- text -----------------------------------------------------------------------------------------------------------


def _span(dice: Random, text: str) -> tuple[int, int]:
    start = dice.randint(0, len(text))
    return start, min(len(text), start + dice.choice((1, 1, 2, 5, 20, 200)))


def _insert(dice: Random, text: str, piece: str) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + piece + text[at:]


def _delete(dice: Random, text: str) -> str:
    start, end = _span(dice, text)
    return text[:start] + text[end:]


def _duplicate(dice: Random, text: str) -> str:
    start, end = _span(dice, text)
    return text[:end] + text[start:end] * dice.choice((1, 2, 40)) + text[end:]


def _swap(dice: Random, text: str) -> str:
    (first, middle), (second, end) = sorted((_span(dice, text), _span(dice, text)))
    if middle > second:
        return text[::-1] if len(text) < 100 else text
    return text[:first] + text[second:end] + text[middle:second] + text[first:middle] + text[end:]


def _truncate(dice: Random, text: str) -> str:
    return text[: dice.randint(0, len(text))]


def _insert_character(dice: Random, text: str) -> str:
    kind = dice.choice((CONTROLS, CONTROLS, ODD_CHARACTERS, SURROGATES, ("\0",)))
    return _insert(dice, text, dice.choice(kind))


def _insert_word(dice: Random, text: str) -> str:
    return _insert(dice, text, dice.choice((*QUOTES, *WORDS, *NUMBERS, *OPENERS)))


def _replace_number(dice: Random, text: str) -> str:
    found = list(re.finditer(r"[0-9]+", text))
    if not found:
        return _insert_word(dice, text)
    one = dice.choice(found)
    return text[: one.start()] + dice.choice(NUMBERS) + text[one.end() :]


def _replace_word(dice: Random, text: str) -> str:
    found = list(re.finditer(r"[A-Za-z_]+", text))
    if not found:
        return _insert_word(dice, text)
    one = dice.choice(found)
    word = dice.choice((*WORDS, *NUMBERS, one[0].upper(), one[0] * 2, dice.choice(found)[0]))
    return text[: one.start()] + word + text[one.end() :]


def _change_line_ends(dice: Random, text: str) -> str:
    return (
        text.replace("\n", dice.choice(LINE_ENDS))
        if dice.random() < 0.7
        else _insert(dice, text, dice.choice(LINE_ENDS))
    )


def _move_line(dice: Random, text: str) -> str:
    lines = text.split("\n")
    line = lines.pop(dice.randrange(len(lines)))
    lines.insert(dice.randint(0, len(lines)), dice.choice(("", " ", "    ", "\t")) + line)
    return "\n".join(lines)


def _nest(dice: Random, text: str) -> str:
    return _insert(dice, text, dice.choice(OPENERS) * dice.choice(DEPTHS))


def _lengthen(dice: Random, text: str) -> str:
    return _insert(dice, text, dice.choice(("a", " ", "\\", "'", "é", "-", "`", "*", "\n")) * dice.choice(LENGTHS))


TEXT_MUTATIONS: tuple[Callable[[Random, str], str], ...] = (
    *(_delete, _delete, _duplicate, _swap, _truncate, _insert_character, _insert_character, _insert_word, _insert_word),
    *(_replace_number, _replace_word, _replace_word, _change_line_ends, _move_line, _nest, _lengthen),
)


# --- JSON -----------------------------------------------------------------------------------------------------------


def _parts(value: Any) -> list[tuple[Any, Any]]:
    """Return each part of a value, as what holds it and its key."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left:
        holder = left.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        found += [(holder, key) for key in keys]
        left += [holder[key] for key in keys]
    return found


def _change_part(dice: Random, holder: Any, key: Any) -> None:
    match dice.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[dice.choice((f"{key}x", "", "type", "\0", key.upper()))] = holder.pop(key)
        case 2:
            holder[key] = [holder[key]] * dice.choice((1, 2, 40))
        case 3:
            holder[key] = _deep(dice, holder[key])
        case 4 if isinstance(holder[key], str):
            holder[key] = mutate_text(dice, holder[key])
        case _:
            holder[key] = copy.deepcopy(dice.choice(ODD_VALUES))


def _deep(dice: Random, value: Any) -> Any:
    for _ in range(dice.choice((2, 40, 150))):
        value = [value] if dice.random() < 0.5 else {"a": value}
    return value
