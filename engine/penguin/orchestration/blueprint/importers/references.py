"""References: the ids of tasks in the prose of other tools, such as `(depends on T012)`, and those not understood."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING

from penguin.orchestration.config.document_checker import nearest

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
    from penguin.orchestration.blueprint.importers.source_file import Source

_KEYS = (
    r"depend(?:s|ent)?\s+(?:up)?on|dependenc(?:y|ies)|depends|deps?|depends_on|block(?:ed|ers?)(?:[\s_]+by|\s+on)?|requires"
    r"|after|needs|prerequisites?|waits?\s+for"
)
_MARK = r"(?:\*{1,3}|_{1,3}|`)?"
KEY_LINE = re.compile(rf"{_MARK}(?:{_KEYS}){_MARK}\s*:\s*{_MARK}\s*(.*)", re.IGNORECASE | re.DOTALL)
"""A line such as `Depends: A-1` or `**Blocked by:** #12`; group 1 is the rest of it."""
_INLINE = re.compile(
    r"(?:\b(?:depends\s+(?:up)?on|blocked\s+by)\b[:\s]+|⛔\ufe0f?\s*|\bdep:)"
    r"((?:[\w.#`-]+(?:\s*(?:,|and|&)\s*)?)+)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(rf"[(\[]\s*(?:{_KEYS})(?:\s*:)?\s++([^()\[\]]++)[)\]]", re.IGNORECASE)
_NUMBER_IN_BRACKETS = re.compile(
    r"[(\[]\s*(?:depends\s+(?:up)?on|depends|blocked\s+by|deps?)(?:\s*:)?\s+"
    r"#?\d+(?:\s*(?:,|&|and)\s*#?\d+)*\s*[)\]]",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*(?:,|;|&|\band\b|\s)\s*")
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]?\]\s+)?(.*)")
_STRUCK = re.compile(r"~~.*?~~|<!--(?:(?!<!--).)*?-->", re.DOTALL)
_DENIED = re.compile(
    r"(?:\b(?:not|no|never|no\s+longer|nothing|independent)|n't|n’t)\s+(?:\w+\s+){0,2}$|[\"'“‘`]$", re.IGNORECASE
)
"""The end of a text after which a dependency is denied or quoted."""
_MOST_BEFORE = 400
"""Characters before a dependency in which words that deny it are searched."""
_STARTS_WITH_NONE = re.compile(r"[\s`*_(]*(?:none|nothing|n/a|no\s+longer|not)\b", re.IGNORECASE)
_REMARK = re.compile(r"(?<=[\w`*_\])])\s+\([^()]*\)")
_LIST = re.compile(r"[,;&]|\band\b")
_KIND_OF_TASK = re.compile(r"\b(?:tasks?|steps?|stor(?:y|ies))\s+#?(?=[`*_]*[\w.-]*\d)", re.IGNORECASE)
_RANGE = re.compile(
    r"(?<![\w.])(?P<first>(?:[A-Za-z0-9][\w.-]{0,100}?)?\d[a-z]?)[`*_\]]*\s*(?:-|–|—|\.{2,3}|…|\bto\b|\bthrough\b|\bthru\b)\s*[`*_\[]*"
    r"(?P<last>[A-Za-z0-9][\w-]*(?:\.\d+)*)"
)
_NOTHING = frozenset({"", "none", "-", "n/a", "nothing", "no"})


def inline_ids(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids after `depends on` or `blocked by` in a sentence, and those in brackets such as `(after A-1)`.

    What is denied, struck out, quoted or in a comment is no dependency.
    """
    text = _STRUCK.sub("", text).replace("**", "")
    matches = (match for match in _INLINE.finditer(text) if not _DENIED.search(text[: match.start()][-_MOST_BEFORE:]))
    found = [one for match in matches for one in ids_in(match[1], is_id)]
    for match in _IN_BRACKETS.finditer(text):
        # More than ids in the brackets is prose.
        words = _words(match[1])
        found += words if words and all(map(is_id, words)) else []
    return list(dict.fromkeys(found))


def unknown_numbers(text: str, ids: Container[str]) -> str:
    """Return the part of a title such as `(depends on #1)` if no task of the file has that number; else ''."""
    matches = (match[0] for match in _NUMBER_IN_BRACKETS.finditer(_STRUCK.sub("", text)))
    return next((found for found in matches if not all(number in ids for number in re.findall(r"\d+", found))), "")


def ids_in(text: str, is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids in a list such as `T001, T002 and T003`."""
    return [word for word in _words(text) if is_id(word)]


def value_ids(value: str, known: Callable[[str], bool], is_id: Callable[[str], bool]) -> list[str]:
    """Return the ids in the value of a key: all words if each looks like an id, else the known ones among them.

    A number among other words, such as `Phase 1 complete`, is no id.
    """
    value = _STRUCK.sub("", value)
    if denies(value):
        return []
    words = _words(_REMARK.sub("", value))
    if all(map(is_id, words)):
        return words
    firsts = {words[0] for part in _LIST.split(value) if (words := _words(part))}
    return [
        word for word in _words(value) if known(word) and (not _is_number(word) or ("." in word and word in firsts))
    ]


def denies(value: str) -> bool:
    """Return whether the value of a key begins with words such as `none` or `no longer`."""
    return _STARTS_WITH_NONE.match(value) is not None


def _is_number(word: str) -> bool:
    return word.replace(".", "").isdecimal()


def expand_ranges(text: str, ids: Iterable[str]) -> str:
    """Return a text in which each range of known ids, such as `T001-T003`, is the list of all ids in it."""
    text = _KIND_OF_TASK.sub("", text)
    if not _RANGE.search(text):
        # Most texts have no range, and there may be many ids.
        return text
    known = {name: _order_key(name) for name in ids if any(map(str.isdigit, name))}

    def expand(match: re.Match[str]) -> str:
        first, last = match["first"], match["last"]
        if last not in known:
            # `T001-003` leaves the prefix out.
            last = re.split("[0-9]", first, maxsplit=1)[0] + last
        if first not in known or last not in known or known[first] >= known[last] or _form(first) != _form(last):
            return match[0]
        within = (name for name, key in known.items() if known[first] <= key <= known[last])
        return ", ".join(sorted((name for name in within if _form(name) == _form(first)), key=_order_key))

    return _RANGE.sub(expand, text)


def _form(name: str) -> str:
    return re.sub(r"\d+", "0", name)


def _order_key(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def says_none(text: str) -> bool:
    """Return whether the value of a key says that there are no dependencies."""
    return _STRUCK.sub("", text).strip().strip("`*_().").lower() in _NOTHING


def key_values(lines: list[str]) -> list[tuple[str | None, list[str]]]:
    """Split a text at the lines that are keys of dependencies.

    Returns:
        The value of each key with its lines, and the lines of other text with None. A key without a value takes the
        list below it.
    """
    parts: list[tuple[str | None, list[str]]] = []
    open_key = False
    for line in lines:
        bullet = _BULLET.fullmatch(line)
        match = KEY_LINE.fullmatch((bullet[1] if bullet else line).strip())
        if match:
            parts.append((match[1].strip(), [line]))
            open_key = not match[1].strip()
        elif open_key and bullet:
            value, own = parts[-1]
            parts[-1] = (f"{value}, {bullet[1]}" if value else bullet[1], [*own, line])
        elif open_key and line.strip() and not parts[-1][0]:
            parts[-1] = (line.strip(), [*parts[-1][1], line])
            open_key = False
        else:
            open_key = open_key and not line.strip()
            parts.append((None, [line]))
    return parts


def _words(text: str) -> list[str]:
    words = (word.strip("`*_()[].:") for word in _SEPARATOR.split(text))
    return [word for word in words if word]


_STATED = re.compile(
    r"(?:^|\()[\s>*+•-]*+(?:\d+[.)]\s+)?(?:\[[ xX]\]\s+)?[*_`]*(?P<key>[A-Za-z]+(?:[ _][A-Za-z]+)?)[*_`]*[\s:=]+[*_`]*"
    r"(?P<rest>[^()]+)"
)
"""A key and what follows it, at the start of a line or of a parenthesis."""
_WORDS = ("depends", "depends on", "dependencies", "dependency", "deps", "blocked by", "requires", "needs", "after")
_REQUIREMENTS = "requirements"
_CHECKPOINT = "checkpoint"
_CRITERION = re.compile(r"[\s*_+•-]*(?:(?=(?:GIVEN|WHEN|THEN|AND|BUT)\b)|(?P<word>[A-Za-z]{8,12})\b\W*:)(?P<text>.*)")
_BOX = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+\[.?\]\*?\s+(?P<text>\S.*)")
_LABEL = re.compile(r"[\s*_+•-]*(?P<key>[A-Za-z][A-Za-z ]{3,24}?)[*_\s]*:(?P<value>.*)")
_LABELS = (
    "acceptance",
    "acceptance criteria",
    "success criteria",
    "exit criteria",
    "criteria",
    "done when",
    "definition of done",
)
_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+(?P<text>\S.*)")
_CLOSE = 0.7
_CLOSE_LABEL = 0.8


def note_unread(source: Source, backlog: ImportedBacklog) -> None:
    """Add a note for each line that states a dependency or a criterion which no task got.

    A line belongs to the last task before it. In JSON and YAML, the descriptions of tasks are such lines.
    """
    known = {item.id for item in backlog.items if item.id}
    noted = {note.line for note in backlog.notes}
    texts = _plain("\n".join(text for item in backlog.items for text in (item.id, item.title, *item.criteria)))
    finder = _CriterionFinder()
    in_data = source.document is not None
    for number, line, owner in _lines(source, backlog):
        if number in noted:
            finder.text(line)
            continue
        unread = [name for name in _stated_ids(line, known) if name not in (owner.id, *owner.dependencies)]
        if unread:
            backlog.note(
                number, f"names {', '.join(unread)}, but {owner.id} does not depend on it: {line.strip()[:80]}"
            )
        elif (in_data or number != owner.line) and (text := finder.text(line)) and not _is_in(text, texts):
            backlog.note(number, f"is kept as prose, not as a task or criterion: {line.strip()[:80]}")
        elif _is_lost_requirement(line, owner):
            backlog.note(number, f"names requirements, but {owner.id} has no criteria of them: {line.strip()[:80]}")


def _lines(source: Source, backlog: ImportedBacklog) -> Iterator[tuple[int, str, ImportedItem]]:
    items = sorted((item for item in backlog.items if item.line), key=lambda item: item.line)
    if source.document is not None:
        for item in items:
            yield from ((item.line, line, item) for line in item.description.split("\n"))
        return
    starts = [item.line for item in items]
    fence = ""
    for number, line in enumerate(source.text.split("\n"), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark:
            fence = mark[1] if not fence else "" if mark[1].startswith(fence) else fence
        elif not fence and (place := bisect_right(starts, number)):
            yield number, line, items[place - 1]


def _stated_ids(line: str, known: set[str]) -> list[str]:
    """Return the ids after words that mean a dependency, or nearly spell one, if nothing but ids follows."""
    found: list[str] = []
    for match in _STATED.finditer(line):
        word = nearest(match["key"].replace("_", " "), (*_WORDS, _REQUIREMENTS), _CLOSE)
        if word in (None, _REQUIREMENTS):
            continue
        words = [word.strip("`*_()[].:#") for word in _SEPARATOR.split(match["rest"].strip())]
        names = [_known(word, known) for word in words if word]
        if names and all(names):
            found += names
    return found


class _CriterionFinder:
    """Finds the lines of a source that are criteria, line by line."""

    def __init__(self) -> None:
        self._label_indent: int | None = None
        """The indentation of the label that the line may be below, such as `- Acceptance criteria:`; None: of none."""

    def text(self, line: str) -> str:
        """Return the text of a criterion, a checkpoint, a step of a scenario or a box; '' for another line."""
        indent = len(line) - len(line.lstrip())
        item = _ITEM.fullmatch(line)
        label = _LABEL.fullmatch(line)
        value = label["value"].strip("*_ ") if label else ""
        if label and nearest(label["key"].lower(), _LABELS, _CLOSE_LABEL):
            # A list below a label that is no bullet need not be indented.
            self._label_indent = None if value else indent if item else -1
            return value
        below = self._label_indent is not None and indent > self._label_indent
        if line.strip() and (item is None or (label and not value) or not below):
            self._label_indent = None
        match = _CRITERION.match(line)
        if match and (match["word"] is None or nearest(match["word"], (_CHECKPOINT,), _CLOSE)):
            return match["text"]
        box = _BOX.match(line)
        return box["text"] if box else item["text"] if item and self._label_indent is not None else ""


def _known(word: str, known: set[str]) -> str:
    return word if word in known else f"GH-{word}" if f"GH-{word}" in known else ""


def _is_lost_requirement(line: str, owner: ImportedItem) -> bool:
    match = re.fullmatch(r"[\s*+•-]*+_*+([A-Za-z]++):([\d.,\s]++\w*+)\s*+", line)
    if match is None or not nearest(match[1], (_REQUIREMENTS,), _CLOSE):
        return False
    return match[2].strip().strip("_") not in owner.metadata.get(_REQUIREMENTS, "")


def _is_in(text: str, texts: str) -> bool:
    """Return whether a line is part of some texts, apart from an id or a number before it."""
    words = _plain(text).split(" ")
    return any(" ".join(words[start:]) in texts for start in range(min(3, len(words))))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text)).lower()
