"""Order phrases: parts of a sentence that name a task which comes first, such as `once A-1 is merged`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_ID = (
    r"(?:[*\[(#<\"]{0,4}(?:(?:tasks?|steps?|issues?|stor(?:y|ies))\s+#?)?(?=\w{0,100}[-.\d_])[A-Za-z0-9_][\w.-]{0,100}[*\])>\"]{0,4}"
    r"|[*\[(]{0,3}`[\w.-]{1,100}`[*\])]{0,3})"
)
"""What may be the id of a task: a word with a digit or a dash, or one in backticks."""
_IDS = rf"{_ID}(?:\s{{0,3}}(?:,|&|\band\b|\bor\b|\+|/)\s{{0,3}}{_ID}){{0,20}}"
_DONE = (
    r"(?:(?:is|are|was|were|has|have|had|been|gets?|got|being|fully|both|all)\s+)*"
    r"(?:done|complete[ds]?|finish(?:ed|es)?|merged?s?|land(?:ed|s)?|deployed|shipp?(?:ed|s)|released|closed|ready|ends"
    r"|in\s+place|in(?=\s*(?:[.,;:)]|$))|exists?|available|pass(?:es|ed)|approved|implemented|live|green|accepted|verified)\b"
)
_AFTER_DONE = (
    rf"\b(?P<word>when|whenever|if|as\s+soon\s+as|provided(?:\s+that)?|assum(?:es?|ing)(?:\s+that)?|given|with)\s+"
    rf"(?P<ids>{_IDS})\s+{_DONE}"
)
"""Ordinary words: they state an order if the sentence says that the task is done."""
_AFTER = (
    r"\b(?P<word>once|until|till|unless|pending|awaiting|await|subsequent\s+to|builds?\s+(?:up)?on|built\s+(?:up)?on"
    r"|rel(?:y|ies|ying)\s+(?:up)?on|on\s+top\s+of"
    r"|after\s+(?:the\s+)?(?:completing|completion\s+of|finishing|merging|merge\s+of|shipping|deploying|deployment\s+of)"
    r"|not\s+(?:\w+\s+){0,3}?before)\s+"
    rf"(?P<ids>{_IDS})"
)
"""Words that state an order if an id follows at once."""
_FOLLOWS = rf"\bfollow(?:s|ing|-?up\s+(?:to|of))\s+(?P<ids>{_IDS})\b(?!['’]s\b)"
_WORD_STARTS = r"(?<!\w)(?<!\w[.-])"
"""In a pattern that begins with an id, so that a long word is not read again from each of its characters."""
_FIRST = (
    rf"{_WORD_STARTS}(?P<ids>{_IDS})\s+(?:first(?=\s*(?:[\])).,;:!]|$))"
    r"|(?:must|should|needs?\s+to|ha(?:s|ve)\s+to)\s+(?:\w+\s+){0,4}?(?:first|before\s+(?:this|that|it|we|the\s+rest|anything|everything|starting|start|work))\b"
    r"|(?:is|are|as)\s+(?:an?\s+|the\s+)?(?:pre-?requisites?|pre-?conditions?|blockers?|required|needed)\b)"
)
"""What follows the id of a task that comes first."""
_NEEDS_OF = rf"\b(?P<word>needs?|requires?)\s+(?!to\b)(?:\w+\s+){{0,3}}?(?:of|from|by)\s+(?P<ids>{_IDS})"
"""`needs the schema of A-1`."""
_THEN = rf"{_WORD_STARTS}(?P<ids>{_ID})(?:\s*,)?\s+(?:and\s+)?then\s+(?P<then>{_ID})"
"""`A-1 then A-2`."""
_OTHER_LANGUAGES = (
    r"(?:\b(?:abhängig\s+von|hängt\s+(?:\w+\s+)?(?:ab\s+)?von|setzt(?=[^.]{0,400}\bvoraus)|blockiert\s+(?:von|durch)"
    r"|dépend(?:ant)?\s+d[e'’u]|bloqué\s+par"
    r"|depend(?:e[nm]?|iente|ente)\s+d(?:el?|[oa])|bloquead[oa]\s+p[oe]r|dipend(?:e|ono)\s+dal?|bloccat[oa]\s+da"
    r"|завис(?:ит|ят)\s+от|заблокирован\w*)\b|⛔\ufe0f?|依赖于?|取决于|依存(?:する)?|前提|被阻塞于)[\s:：]*"
    rf"(?P<ids>{_IDS})"
)
"""`depends on` in German, French, Spanish, Portuguese, Italian, Russian, Chinese and Japanese, and as a sign."""
_PATTERNS = (
    (re.compile(r"\b(?:when|if|soon|provided|assum|given|with)"), _AFTER_DONE),
    (
        re.compile(
            r"\b(?:once|until|till|unless|pending|await|subsequent|buil[dt]s? (?:up)?on|rel(?:y|ies|ying) (?:up)?on"
            r"|top of|before|after (?:the )?(?:comp|fini|merg|ship|depl))"
        ),
        _AFTER,
    ),
    (re.compile(r"\bfollow"), _FOLLOWS),
    (re.compile(r"\b(?:first|must|should|needs? to|ha(?:s|ve) to|pre-?[rc]|blocker|required|needed)"), _FIRST),
    (re.compile(r"\b(?:need|require)"), _NEEDS_OF),
    (
        re.compile(
            r"\b(?:abh|hängt|setzt|blo[cqk]|dépend|depend(?:e[nm]?|iente|ente)\s|dipend|завис|заблок)|[依取前被⛔]"
        ),
        _OTHER_LANGUAGES,
    ),
)
"""Each pattern, after words in lower case of which one must be there: they are found sooner than the pattern.

The patterns ignore case. They are compiled when they are first used, since that takes longer than reading most files.
"""
ANY_WORD = re.compile("|".join(words.pattern for words, _ in _PATTERNS))
PHRASE_STEMS = (
    *("when", "if", "soon", "provided", "assum", "given", "with", "once", "til", "unless", "pend", "wait"),
    *("subsequent", "buil", "rel", "top of", "before", "after", "follow", "first", "must", "should", "need", "has to"),
    *("have to", "pre", "blo", "require", "then", "abh", "hängt", "setzt"),
    *("завис", "заблок", "依", "取", "前", "被", "⛔"),
)
"""Each order phrase contains one of these in lower case. To search for them is much faster."""
_DENIED = re.compile(
    r"(?:\b(?:not|no\s+longer|never|no|without|whether|nothing|none|nobody|nicht|kein\w*+|pas|não|non|не)|n['’]t|不)\s*(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_MOST_BEFORE = 400
"""Characters before a word for dependencies in which words that deny it are searched."""
_QUOTATION = re.compile(r"[\"“](?=[^\"”]{0,200}\w [^\"”]{0,200}\d)[^\"”]{1,400}[\"”]")
"""Words with a number between quotation marks, such as `"depends on A-1"`."""
_STILL_STATED = re.compile(r"(?:until|till|unless|not\b.*before)$", re.IGNORECASE | re.DOTALL)
"""Words with which a denied sentence states an order: `can't start until A-1 is done`."""


_LABEL = re.compile(
    r"[\s>*+•-]*+(?:\d+[.)]\s+)?(?:\[.?\]\s+)?[*_`]*+(?P<label>[^\W\d_][^:：\n`*]{0,40}?)[*_`]*\s*[:：][*_`]*\s*(?P<value>\S.*)"
)
_OTHER_LABELS = frozenset(
    (
        *("see", "see also", "related", "related to", "relates to", "related tasks", "ref", "refs", "reference"),
        *("references", "cf", "link", "links", "similar", "similar to", "like", "duplicates", "duplicate of"),
        *("supersedes", "superseded by", "replaces", "replaced by", "affects", "children", "child", "child tasks"),
        *("subtasks", "siblings", "parent", "parent task", "epic", "example", "examples", "note", "notes", "id", "ids"),
        *("task", "tasks", "task id", "issue", "ticket", "key", "name", "discovered from", "closes", "fixes"),
        *("resolves", "covers", "used by", "title", "branch", "commit", "pr", "tags", "labels", "milestone", "sprint"),
        *("requirement", "requirements", "validates", "satisfies", "implements", "criteria", "story", "stories"),
        *("user story", "user stories", "version", "section", "number", "points", "effort", "estimate", "priority"),
    )
)
"""Labels that say something else of the tasks behind them."""
_REVERSE_LABELS = frozenset(
    (
        *("blocks", "blocking", "unblocks", "next", "then", "successor", "successors", "required by", "needed by"),
        *("followed by", "enables", "precedes", "downstream", "dependents", "dependent tasks", "before", "do before"),
    )
)
"""Labels of tasks that come after the task of the line."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def without_quotations(text: str) -> str:
    """Return a line with blanks in place of sentences between quotation marks, which state nothing themselves."""
    return _QUOTATION.sub(lambda match: " " * len(match[0]), text) if '"' in text or "“" in text else text


def is_denied(before: str) -> bool:
    """Return whether the text before a word for dependencies denies it, such as `no longer`."""
    return _DENIED.search(before[-_MOST_BEFORE:]) is not None


class Labelled(NamedTuple):
    """A line such as `Upstream: A-1`."""

    value: tuple[int, int]
    """The place of what stands behind the label."""
    reverse: bool
    """Whether the tasks behind the label wait for the task of the line."""


def labelled(text: str) -> Labelled | None:
    """Return the parts of a line with a label that may name what comes first; None for other lines."""
    match = _LABEL.fullmatch(text) if ":" in text or "：" in text else None
    label = " ".join(re.split(r"[\s_-]+", match["label"].strip().lower())) if match else ""
    if match is None or label in _OTHER_LABELS:
        return None
    return Labelled(match.span("value"), label in _REVERSE_LABELS)


def first_tasks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the place of each part of a line that names tasks which come before the task of the line.

    The part holds ids, such as `A-1 and A-2`; it may hold other words as well, and none of them need be a task.
    """
    lower = text.lower()
    if not ANY_WORD.search(lower):
        return
    for words, pattern in _PATTERNS:
        for match in _compiled(pattern).finditer(text) if words.search(lower) else ():
            word = match.groupdict().get("word") or ""
            if _STILL_STATED.search(word) or not is_denied(text[: match.start()]):
                yield match.span("ids")


def sequences(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the places of two tasks of which the first comes before the second, as in `A-1 then A-2`."""
    if "then" in text.lower():
        for match in _compiled(_THEN).finditer(text):
            yield match.span("ids"), match.span("then")
