"""The prompt of a judge, an agent that judges criteria without a check, and the parser of its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.json_values import LINE, text
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Criterion, Task

PROMPT = Path(__file__).parent / "prompts" / "judge.md"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "criteria": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "criterion": {"type": "integer"},
                    "verdict": {"type": "string", "enum": ["met", "unmet", "unclear"]},
                    "evidence": {"type": "array", "items": {"type": "string"}},
                    "reason": {"type": "string"},
                },
                "required": ["criterion", "verdict", "evidence", "reason"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["criteria"],
    "additionalProperties": False,
}
LONGEST_ANSWER = 1 << 20
"""Characters of the longest answer that is parsed."""
MOST_READ = 50 << 20
"""Characters that are scanned in total to find the JSON object in an answer."""
MOST_NAMED = 100
"""Pieces of evidence that are looked up for each criterion."""
LONGEST_DIFF = 100_000
"""Characters of the diff that a judge is shown."""
_PLACE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_EVIDENCE_START, _SEPARATOR = " (", "; "
"""What joins the reason of an opinion and the evidence that it cites."""
_VERDICTS = {"met": Verdict.PASSED, "unmet": Verdict.FAILED}


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A piece of evidence, under the name by which a judge can cite it."""

    name: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """The verdict of a judge on one criterion."""

    verdict: Verdict
    reason: str


def judge_prompt(task: Task, criteria: Sequence[Criterion], diff: str, pieces: Sequence[EvidenceItem]) -> str:
    """Return the prompt of a judge."""
    shown = (
        diff if len(diff) <= LONGEST_DIFF else f"{diff[:LONGEST_DIFF]}\n… {len(diff) - LONGEST_DIFF} more characters"
    )
    values = {
        "task_id": task.id,
        "title": task.title,
        "description": task.description.strip(),
        "criteria": "\n".join(f"{number}. {criterion.text}" for number, criterion in enumerate(criteria, start=1)),
        "diff": f"```diff\n{shown.strip()}\n```" if shown.strip() else "Unknown.",
        "evidence": "\n\n".join(
            f"### {piece.name}: {piece.about}\n\n```\n{piece.text.strip()}\n```" for piece in pieces
        )
        or "None.",
    }
    return _PLACE.sub(lambda found: values[found[1]], PROMPT.read_text(encoding="utf-8"))


def parse_opinions(answer: str, count: int, pieces: Sequence[EvidenceItem], workspace: Path) -> list[Opinion]:
    """Return the opinion on each of `count` criteria; UNVERIFIED if the answer has no valid one."""
    if len(answer) > LONGEST_ANSWER:
        problem = f"the judge's answer of {len(answer)} characters is longer than {LONGEST_ANSWER}"
        return [Opinion(Verdict.UNVERIFIED, problem)] * count
    entries = list(_answer_entries(answer))
    by_number = {number: entry for entry in entries if isinstance(number := entry.get("criterion"), int)}
    about = {piece.name: piece.about for piece in pieces}
    return [_opinion(by_number.get(number), about, workspace) for number in range(1, count + 1)]


def _opinion(entry: Mapping[str, Any] | None, about: Mapping[str, str], workspace: Path) -> Opinion:
    if entry is None:
        return Opinion(Verdict.UNVERIFIED, "the judge gave no verdict")
    reason = text(entry.get("reason"))[:300]
    verdict = _VERDICTS.get(text(entry.get("verdict")))
    if verdict is None:
        return Opinion(Verdict.UNVERIFIED, f"the judge is not sure: {reason}")
    named = entry.get("evidence")
    cited = [text(name) for name in named[:MOST_NAMED]] if isinstance(named, list) else []
    if not any(name in about or _is_file(workspace, name) for name in cited):
        return Opinion(Verdict.UNVERIFIED, f"the judge cites no evidence: {reason}")
    # The names of pieces mean something only to the judge.
    shown = _SEPARATOR.join(about.get(name, name)[:LINE] for name in cited[:5])
    return Opinion(verdict, f"{reason}{_EVIDENCE_START}{shown})")


def split_reason(verdict: Verdict, reason: str) -> tuple[str, tuple[str, ...]]:
    """Return the reason of an opinion without the evidence that it cites, and this evidence."""
    said, found, cited = reason.rpartition(_EVIDENCE_START)
    if not found or verdict not in _VERDICTS.values():
        return reason, ()
    return said, tuple(cited.removesuffix(")").split(_SEPARATOR))


def _is_file(workspace: Path, named: str) -> bool:
    """Return whether this names a file of the workspace, with or without a line number."""
    path = workspace / re.sub(r":\d+(-\d+)?$", "", named)
    try:
        return path.is_file() and path.resolve().is_relative_to(workspace.resolve())
    except (OSError, ValueError):
        return False


def _answer_entries(answer: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of the JSON object in an answer; ignore the text around it."""
    decoder = json.JSONDecoder()
    left = MOST_READ
    for begin in (match.start() for match in re.finditer(r"\{", answer)):
        if left <= 0:
            return
        try:
            found, _ = decoder.raw_decode(answer, begin)
        except json.JSONDecodeError as error:
            # `error.pos` is where parsing stopped, counted from the start of the answer.
            left -= error.pos
            continue
        except (ValueError, RecursionError):
            left -= len(answer) - begin
            continue
        if isinstance(found, dict) and isinstance(found.get("criteria"), list):
            yield from (entry for entry in found["criteria"] if isinstance(entry, dict))
            return
