"""A program that writes images/demo.svg: the output of a real run of examples/textkit on a terminal.

`make picture` runs it. The run needs `penguin`, `pytest` and `ruff` on the PATH.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import socket
import struct
import subprocess
import tempfile
import termios
from contextlib import suppress
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "demo.svg"
COLUMNS, ROWS = 84, 50
USER, HOST = "ada", "laptop"
"""Names in the picture, instead of those of this machine."""
COMMANDS = (
    "workflow start top-option --with-deps --wait",
    "workflow history top-option",
    "blueprint board",
)
"""The third task of the example: its TEST gate fails once."""
FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
"""The template of rich loads a font from a server; the picture uses the reader's fonts instead."""


def main() -> None:
    """Run the commands in a copy of the example, and write the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "textkit"
        subprocess.run([ROOT / "examples" / "copy", workspace], check=True)
        environment = {**os.environ, "TERM": "xterm-256color", "LOGNAME": USER, "XDG_STATE_HOME": folder}
        for number, command in enumerate(COMMANDS):
            console.print(Text("\n" * bool(number) + f"$ penguin {command}", style="bold"))
            # Standard error, with the progress, is not part of the picture.
            printed = terminal_output(["penguin", *command.split()], workspace, environment)
            console.print(Text.from_ansi(printed.replace(f" on {socket.gethostname()}\n", f" on {HOST}\n")), end="")
    PICTURE.parent.mkdir(exist_ok=True)
    template = FONT_FACE.sub("", CONSOLE_SVG_FORMAT)
    svg = console.export_svg(title="textkit", theme=MONOKAI, code_format=template, unique_id="demo")
    PICTURE.write_text(svg, encoding="utf-8")


def terminal_output(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Return what a program prints to a terminal as its standard output. Raises CalledProcessError."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.DEVNULL
    ) as process:
        os.close(terminal)
        printed = read_all(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return printed.decode().replace("\r\n", "\n")


def read_all(descriptor: int) -> bytes:
    """Read a terminal until the program at its other end has closed it, and close it."""
    chunks = []
    # Linux reports the end of a terminal as an error.
    with suppress(OSError):
        while chunk := os.read(descriptor, 1 << 16):
            chunks.append(chunk)
    os.close(descriptor)
    return b"".join(chunks)


if __name__ == "__main__":
    main()
