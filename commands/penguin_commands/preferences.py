"""The user's preferences for the terminal, from a personal file, with the workspace's file as the fallback.

Reading them costs almost nothing if no file has a `ui:` section.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from penguin.orchestration.config import Setting
    from penguin.orchestration.config.document_checker import Checker, Node
    from penguin.orchestration.config.theme import ThemeSetting
    from penguin.orchestration.config.ui import UiSetting

MAX_BYTES = 1_000_000
_UI_PATTERN = rb"\bui\b"


class Preferences(NamedTuple):
    """The effective values of `ui:`."""

    panel: bool = False
    """Whether to show the table of active workflows above the input line."""
    notify_after: float = 60.0
    """The minimum seconds that a workflow runs before its end causes a sound, or runs the command of `notify`."""
    notify: tuple[str, ...] = ()
    """A program and its arguments."""
    pager: str | None = None
    """The command that shows what is longer than the screen; '' for none; None: from the environment."""
    color: str = "auto"
    """auto or never."""
    theme: ThemeSetting = "auto"
    """The styles of text by its meaning."""
    accessible: bool = False
    """Use only consecutive lines, without drawing over anything."""


def personal_file(environ: Mapping[str, str]) -> str:
    """Return the path of the personal settings file, whether or not it exists."""
    home = environ.get("XDG_CONFIG_HOME", "")
    # A relative path is ignored: https://specifications.freedesktop.org/basedir-spec/latest/
    return f"{home if home.startswith('/') else _home_folder() + '/.config'}/penguin/config.yaml"


def load_preferences(root: str | Path | None, environ: Mapping[str, str] | None = None) -> Preferences:
    """Return the effective preferences in the workspace at `root`; None if there are none.

    Raises ConfigError if the personal file is invalid. Errors in penguin.yaml are reported by the code that reads the
    rest of it.
    """
    personal = _read_personal(personal_file(os.environ if environ is None else environ))
    project = {} if root is None else _read_project(f"{root}/penguin.yaml")
    return Preferences(**{key: wish.value for key, wish in {**project, **personal}.items()})


def explain_preferences(settings: list[Setting], environ: Mapping[str, str] | None = None) -> list[Setting]:
    """Return every value of `ui:` with its origin, where `settings` are those of the workspace. Raises ConfigError."""
    from penguin.orchestration.config import Setting

    path = personal_file(os.environ if environ is None else environ)
    personal = _read_personal(path)
    project = {setting.key: setting for setting in settings}
    explained = []
    for key, default in Preferences()._asdict().items():
        name = f"ui.{key}"
        if key in personal:
            wish = personal[key]
            explained.append(
                Setting(name, False if wish.value == "" else wish.value, f"{_with_tilde(path)}:{wish.line}")
            )
        else:
            explained.append(project.get(name) or Setting(name, default, "default"))
    return explained


def _read_personal(path: str) -> dict[str, UiSetting]:
    if not _read_bytes(path).strip():
        return {}
    from penguin.orchestration.backend import ConfigError
    from penguin.orchestration.config.document_checker import Checker
    from penguin.orchestration.config.ui import check_ui

    checker = Checker(_with_tilde(path))
    document = _parse_document(path, checker)
    wishes = check_ui(checker.mapping(document, os.path.basename(path), ("ui",)).get("ui"), checker, personal=True)
    checker.raise_first(ConfigError)
    return wishes


def _read_project(path: str) -> dict[str, UiSetting]:
    # Parsing YAML takes longer than all the rest of a command that reads.
    if not re.search(_UI_PATTERN, _read_bytes(path)):
        return {}
    from penguin.orchestration.config.document_checker import Checker
    from penguin.orchestration.config.ui import check_ui

    checker = Checker(os.path.basename(path))
    document = _parse_document(path, checker)
    entries: Any = document.value if document is not None and isinstance(document.value, dict) else {}
    return check_ui(entries.get("ui"), checker, personal=False)


def _parse_document(path: str, checker: Checker) -> Node | None:
    from pathlib import Path

    from penguin.orchestration.config.document import parse_yaml, read_text

    text = read_text(Path(path), checker, MAX_BYTES)
    return None if text is None else parse_yaml(text, checker)


def _read_bytes(path: str) -> bytes:
    """Return the content of a file; b'' if there is none."""
    try:
        # A FIFO would block, and a device never ends.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        # Reading it again gives the reason.
        return b"ui"
    except OSError:
        return b""


def _with_tilde(path: str) -> str:
    """Return a path with the home folder shortened to a tilde."""
    home = _home_folder()
    return f"~{path.removeprefix(home)}" if home and path.startswith(f"{home}/") else path


def _home_folder() -> str:
    """Return the path of the home folder, without a trailing slash."""
    home = os.path.expanduser("~")
    # An account without a home folder has no personal file either.
    return home.rstrip("/") if home.startswith("/") else ""
