"""A program that records a session of about a minute as images/recording.svg: `make recording`.

It is a real run of examples/textkit on the machine's own clock, so each recording differs a little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.pictures.__main__ import IMAGES
from docs.pictures.animation import Frame, Recorder, to_animation
from docs.pictures.clock import USER
from docs.pictures.example_run import ROOT, TASK
from docs.pictures.svg import PictureScreen
from tests.support.terminal import PENGUIN, open_terminal

COLUMNS, ROWS = 96, 26


def main() -> None:
    """Record the session."""
    with tempfile.TemporaryDirectory() as folder:
        frames = record(Path(folder))
    (IMAGES / "recording.svg").write_text(to_animation(frames, COLUMNS), encoding="utf-8")


def record(folder: Path) -> list[Frame]:
    """Run the session in an empty folder, and return its frames."""
    workspace = folder / "textkit"
    subprocess.run([ROOT / "examples" / "copy", workspace], check=True)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LOGNAME": USER,
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }
    settings = {"columns": COLUMNS, "rows": ROWS, "make_screen": PictureScreen, "command": PENGUIN}
    with open_terminal(workspace, **settings, **environment) as terminal:
        recorder = Recorder(terminal)
        recorder.see("penguin>")
        recorder.pause(1)
        play(recorder)
        return recorder.frames


def play(recorder: Recorder) -> None:
    """Type the commands of the session, and wait between them for what a person would look at."""
    recorder.enter("/task ready")
    recorder.pause(3)
    recorder.enter("/watch on")
    recorder.pause(1)
    recorder.enter(f"/workflow start {TASK} --with-deps")
    recorder.see(" running: ")
    recorder.see("no workflow is running")
    recorder.pause(3)
    recorder.enter(f"/workflow history {TASK}")
    recorder.pause(8)
    recorder.enter("/blueprint board")
    recorder.pause(8)


if __name__ == "__main__":
    main()
