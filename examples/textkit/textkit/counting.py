"""How many lines, words and characters a text has."""

import re
from typing import List


def count_lines(text: str) -> int:
    return len(text.splitlines())


def count_words(text: str) -> int:
    return len(text.split(" "))


def longest_words(text: str, number: int) -> List[str]:
    """The longest words, those of the same length in the order of the text."""
    return sorted(text.split(), key=len, reverse=True)[:number]
