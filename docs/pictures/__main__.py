"""A program that draws the pictures of the documents: `make pictures`.

    python -m docs.pictures [FOLDER]

It runs Penguin in two workspaces: a copy of examples/textkit, and the web shop in this folder, whose agent is a script.
Ids are the same in each run, and the clock is that of the pictures, so the pictures change only when Penguin does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from docs.pictures.example_run import TASK, ExampleRun
from docs.pictures.report_svg import report_svg
from docs.pictures.shop_run import ShopRun
from docs.pictures.svg import screen_lines, to_svg

IMAGES = Path(__file__).parents[1] / "images"
SHELL_SIZE = (108, 26)
"""Columns and rows."""
BOARD_COLUMNS, TIMELINE_COLUMNS = 100, 92


def main() -> None:
    """Draw all pictures."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    for name, svg in draw_pictures().items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def draw_pictures() -> dict[str, str]:
    """Return the pictures by name."""
    with tempfile.TemporaryDirectory() as folder:
        return {**_draw_example(Path(folder) / "example"), **_draw_shop(Path(folder) / "shop")}


def _draw_example(folder: Path) -> dict[str, str]:
    example = ExampleRun(folder)
    timeline = example.show(f"workflow history {TASK}", TIMELINE_COLUMNS)
    return {
        "timeline": to_svg(timeline, TIMELINE_COLUMNS, "timeline", "textkit"),
        "report": report_svg(example.report()),
    }


def _draw_shop(folder: Path) -> dict[str, str]:
    folder.mkdir()
    shop = ShopRun(folder)
    with shop.shell(*SHELL_SIZE) as shell:
        lines = screen_lines(shell.screen)
        board = shop.board(BOARD_COLUMNS)
    return {
        "shell": to_svg(lines, SHELL_SIZE[0], "shell", "shop"),
        "board": to_svg(board, BOARD_COLUMNS, "board", "shop"),
    }


if __name__ == "__main__":
    main()
