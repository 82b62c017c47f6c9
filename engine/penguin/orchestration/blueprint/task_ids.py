"""Ids of tasks in text: what looks like one, lists of them, and ids made from titles."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from penguin.orchestration.config.document_checker import valid_id

_ID = re.compile(
    r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*[-_]\d+[A-Za-z]?(?:[.-]\d+[A-Za-z]?)*"  # A-1, KEY-12, PROJ-AUTH-3, A-1a
    r"|T\d+[A-Za-z]?|[A-Z]{1,4}\d{2,5}[a-z]?"  # T001
    r"|\d+(?:\.\d+)+[a-z]?"  # 1.2
    r"|[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+"  # auth.user-model
)
_STANDARD = re.compile(
    r"(?:P(?:50|75|9\d|999)|[HX]\.?\d{2,3}|SHA-?\d+|AES-?\d+|UTF-?\d+|ISO[-_]?\d+|RFC-?\d+|HTTP-?\d|MD-?\d|MP-?\d"
    r"|TLS-?\d|IPV-?\d|CVE-.*|EC-?\d)",
    re.IGNORECASE,
)
"""Names that are written like ids, but are those of standards, formats and percentiles."""
_PART_OF_A_PLAN = re.compile(
    r"(?:phase|stage|milestone|sprint|iteration|epic|wave|week|day|part|step)[-_.]\d", re.IGNORECASE
)
_FILE = re.compile(
    r".*\.(?:c|cc|cfg|cpp|cs|css|csv|env|go|gz|h|html?|ini|java|js|json|jsx|kt|lock|md|mjs|php|png|py|rb|rs|scss|sh|sql"
    r"|svg|swift|tar|toml|tsx?|txt|vue|xml|ya?ml|zip|com|org|net|io|dev|e|g)",
    re.IGNORECASE,
)
_MARKED = re.compile(r"(?:<([^<>\s]+)>|`([^`\s]+)`|\*\*([^*\s]+)\*\*|__([^\s]+?)__)(:?)(?=\s|$|[:–—-])")
_CAPITALIZED = re.compile(r"[A-Z][a-z]+")
_SEPARATOR = re.compile(r"\s*[:–—]\s*|\s+-\s+|\s*")
_SEPARATOR_BEFORE = re.compile(r"^\s+(?:[:–—-]\s+)?")
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()]*\)")
_SEPARATORS = re.compile(r"[(),;、，]|\s(?:and|&|\+)(?=\s)", re.IGNORECASE)
_AND = re.compile(r"^and\s+", re.IGNORECASE)
_ONE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_MAY_HAVE_ID = re.compile(r"\d|\.\w")
"""A part of everything that looks like an id."""
_TYPED = re.compile(r"(\S+?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])")
_MARKS = "`*_\"'"
_NUMBERED = re.compile(
    r"(?:(?:sub)?task|story|ticket|issue|step)\s+#?(?P<name>\d+(?:\.\d+)*[a-z]?|[A-Z]+-?\d[\w.-]*)(?:\s*[:.)]\s*|\s+[–—-]\s+)"
    r"|(?P<number>\d+)[.)]\s+",
    re.IGNORECASE,
)
"""The number of a task in words, such as `Task 2: ` or `2. `."""
_TASK_WORD = re.compile(r"(?:(?:sub)?tasks?|stor(?:y|ies)|tickets?|issues?|steps?)\s+#?(\S+)|#(\d+)", re.IGNORECASE)
_BEFORE_IDS = ("and", "sub", "task", "stor", "ticket", "issue", "step", "no", "n/a", "na", "null")
"""How the words begin that may stand before ids."""
_AS_DONE = re.compile(r"(?<![\s✅✔☑️])[\s✅✔☑️]+$")
_NOTHING = frozenset({"", "none", "-", "n/a", "na", "nothing", "–", "—", "null", "~", "no", "no dependencies", "[]"})
_LONGEST_MADE = 60
_LONGEST_ID = 100


@lru_cache(maxsize=4096)
def looks_like_id(word: str) -> bool:
    """Return whether a word is written like the id of a task, such as A-1, KEY-12, T001 or auth.user-model."""
    # In a long word, the pattern would try each way to divide it into parts.
    if len(word) > _LONGEST_ID or not _ID.fullmatch(word) or not valid_id(word):
        return False
    return not (_STANDARD.fullmatch(word) or _FILE.fullmatch(word) or _PART_OF_A_PLAN.match(word))


def split_id(text: str, *, has_attributes: bool = False, marked: bool = True) -> tuple[str | None, str]:
    """Return the id with which a task's text starts, or None, and the rest.

    Args:
        text: The text after the box.
        has_attributes: Whether `{key=value}` followed. Then the first word is an id unless it is a capitalized word.
        marked: Whether any word in backticks or bold is an id. In angle brackets, it is one in any case.
    """
    match = _MARKED.match(text)
    if match:
        word = (match[1] or match[2] or match[3] or match[4]).rstrip(":")
        if valid_id(word) and not _FILE.fullmatch(word) and (match[1] or marked or looks_like_id(word)):
            return word, _SEPARATOR.sub("", text[match.end() :], count=1)
        return None, text
    word = first_word(text)
    if looks_like_id(word) or (has_attributes and valid_id(word) and not _CAPITALIZED.fullmatch(word)):
        return word, after_first_word(text)
    return None, text


def first_word(text: str) -> str:
    """Return the first word without a colon at its end."""
    return text.split(maxsplit=1)[0].rstrip(":") if text.strip() else ""


def after_first_word(text: str) -> str:
    """Return the text after its first word and a separator such as a dash."""
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    rest = text.strip()[len(word) :]
    return _SEPARATOR_BEFORE.sub("", rest)


def names_in(value: str) -> list[tuple[str, str]]:
    """Return the names in the value of a list, such as "`a`, b and c (artifact)", each with what it says besides.

    A name that is not a valid id is returned as it was written.
    """
    return [name for part in _parts(value) for name in names_of_part(part)]


def is_names(text: str) -> bool:
    """Return whether a text is nothing but ids of tasks."""
    if not _MAY_HAVE_ID.search(text):
        return False
    first = text.split(maxsplit=1)[0]
    if first.isalpha() and not first.lower().startswith(_BEFORE_IDS):
        return False
    found = False
    # One part after the other: most text is told by the first one.
    for part in _parts(text):
        names = names_of_part(part)
        if not all(looks_like_id(name) for name, _ in names):
            return False
        found = found or bool(names)
    return found


def _parts(value: str) -> list[str]:
    """Split the value of a list at commas and words such as `and`, but not in parentheses."""
    value = value.strip()
    if bare(value.rstrip(".")).lower() in _NOTHING:
        return []
    if value[:1] == "[" and value[-1:] == "]" and "](" not in value:
        value = value[1:-1]
    if "](" in value:
        value = _LINK.sub(r"\1", value).strip()
    parts: list[str] = []
    start = depth = 0
    for match in _SEPARATORS.finditer(value):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            parts.append(value[start : match.start()])
            start = match.end()
    return [*parts, value[start:]]


def names_of_part(part: str) -> list[tuple[str, str]]:
    """Return the name in one part of a list, with what it says besides; more than one if all its words are ids."""
    part = bare(_AND.sub("", part.strip()).rstrip("."))
    if not part:
        return []
    if _ONE_NAME.fullmatch(part):
        return [(part, "")]
    note = ""
    typed = _TYPED.fullmatch(part)
    if typed and valid_id(bare(typed[1])):
        part, note = typed[1], typed[2] or typed[3] or ""
    part = _AS_DONE.sub("", part)
    if match := _TASK_WORD.fullmatch(part):
        part = match[1] or match[2]
    words = part.split()
    first = words[0].rstrip(":,") if words else ""
    if first.lower() in _NOTHING and (note or words[1:2] in (["-"], ["–"], ["—"])):
        return []
    if len(words) > 1 and all(looks_like_id(bare(word)) for word in words):
        return [(bare(word), note) for word in words]
    if len(words) > 1 and looks_like_id(bare(first)) and not any(map(_has_digit_like_id, words[1:])):
        return [(bare(first), part[len(words[0]) :].strip(" –—-:"))]
    return [(bare(part), note)]


def _has_digit_like_id(word: str) -> bool:
    return looks_like_id(bare(word)) or word.strip("#,.").isdigit()


def number_of(title: str) -> tuple[str, str]:
    """Return the number with which a title starts, such as that of `Task 2: Build`, and the rest of the title."""
    match = _NUMBERED.match(title)
    if match is None or not title[match.end() :].strip():
        return "", title
    return match["name"] or match["number"], title[match.end() :]


def bare(word: str) -> str:
    """Return a word without the quotes, emphasis or angle brackets around it."""
    word = word.strip()
    while len(word) > 1 and ((word[0] == word[-1] and word[0] in _MARKS) or (word[0] == "<" and word[-1] == ">")):
        word = word[1:-1].strip()
    return word


def id_from_title(title: str) -> str:
    """Return the id that is made from a title. It is the same for the same title."""
    # Tasks with ids of their own do not need it.
    import unicodedata

    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if len(slug) > _LONGEST_MADE:
        slug = slug[:_LONGEST_MADE].rpartition("-")[0] or slug[:_LONGEST_MADE]
    return slug or f"task-{sha256(title.encode()).hexdigest()[:8]}"
