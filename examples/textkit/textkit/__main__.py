"""The command line: python3 -m textkit [FILE], or --serve PORT."""

import sys
import argparse
from pathlib import Path

from textkit import __version__
from textkit.counting import count_lines, count_words
from textkit.server import serve


def main() -> int:
    options = parse()
    if options.serve is not None:
        serve(options.serve)
        return 0
    text = Path(options.file).read_text() if options.file else sys.stdin.read()
    print(f"lines: {count_lines(text)}")
    print(f"words: {count_words(text)}")
    print(f"characters: {len(text)}")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="textkit", description="Counts what is in a text.")
    parser.add_argument("file", nargs="?", help="default: standard input")
    parser.add_argument("--serve", type=int, metavar="PORT", help="answer POST /count on this port")
    parser.add_argument("--version", action="version", version=f"textkit {__version__}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
