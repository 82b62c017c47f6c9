"""A hostile repository: its author wants to run commands on the machine of a user who opens it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.support.program import Ran

ODD_NAMES = (
    *(b"\xff\xfe not utf-8", b"-rf", b"--upload-pack=touch x", b"new\nline", b"esc\x1b[31m", b"a" * 250),
    *(b"c1\xc2\x9b2J", b"\xe2\x80\xaegnp.md", b"\xe2\x80\xa8.yaml", b"$(id)", b"`id`.md", b"con\rtrol.md", b" "),
)
DEEP = "/".join(["d" * 100] * 30)
"""A path that is almost as long as the system allows."""
CONFIG = """\
project: {{id: shop, name: "$({evil})\\e[2J\\x9b31m"}}
blueprints: ["*.md", "blueprints/*.yaml"]
workspace: {{remote: origin}}
phases:
  implement: {{run: ["{evil} implement"]}}
  test: {{run: ["{evil} test"]}}
  use: {{recipes: true}}
  verify: {{criteria: true}}
orchestration: {{retry: {{max_attempts: 1}}}}
"""
TASKS = """\
---
id: basics
title: "Basics\\e]0;owned\\a"
---
## Tasks
### 1. Quick \x1b[2J\x9b31m\u202e\u2028 `{evil}`
- **ID:** `quick`
#### Acceptance Criteria
- [ ] is `check: {evil} check`
#### Recipe: try

```shell
{evil} recipe
```
### 2. \x07 $({evil}) ; {evil}
- **ID:** `odd`
"""
GIT_CONFIG = """\
[core]
	fsmonitor = {evil} fsmonitor
	hooksPath = {hooks}
	pager = {evil} pager
	editor = {evil} editor
	sshCommand = {evil} ssh
	gitProxy = {evil} proxy
	askPass = {evil} askpass
	alternateRefsCommand = {evil} alternates
[credential]
	helper = !{evil} credential
[gpg]
	program = {evil} gpg
[commit]
	gpgSign = true
[sequence]
	editor = {evil} sequence
[uploadpack]
	packObjectsHook = {evil} pack
[trailer "x"]
	command = {evil} trailer
[merge "evil"]
	driver = {evil} merge
[interactive]
	diffFilter = {evil} filter
[url "ext::{evil} url"]
	insteadOf = https://
[submodule "x"]
	url = ext::{evil} submodule
	update = !{evil} update
[diff]
	external = {evil} external
[diff "evil"]
	textconv = {evil} textconv
	command = {evil} command
[filter "evil"]
	clean = {evil} clean
	smudge = {evil} smudge
	process = {evil} process
	required = true
[filter "evil.dotted name"]
	clean = {evil} clean
	required = true
[remote "origin"]
	uploadpack = {evil} uploadpack
	promisor = true
[extensions]
	partialClone = origin
	worktreeConfig = true
[protocol "ext"]
	allow = always
[protocol "file"]
	allow = always
[include]
	path = {include}
[includeIf "gitdir:/"]
	path = {include}
"""
WORKTREE_CONFIG = "[core]\n\tfsmonitor = {evil} worktree\n"
INCLUDED = """\
[filter "included"]
	clean = {evil} included
	required = true
"""
HOOKS = (
    *("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman", "pre-auto-gc"),
    *(
        "post-rewrite",
        "pre-push",
        "post-merge",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "sendemail-validate",
    ),
)
ATTRIBUTES = '* filter=evil diff=evil\n*.md filter=included diff=evil\n*.yaml filter="evil.dotted name"\n'
MODULES = '[submodule "x"]\n\tpath = x\n\turl = ext::{evil} submodule\n\tupdate = !{evil} update\n'


class Hostile(NamedTuple):
    """A folder of the author, and the traces of anything that ran."""

    folder: Path
    evil: Path
    """The program that the repository names everywhere."""
    canary: Path
    """The file to which it adds a line."""
    target: Path
    """The folder of the victim's files that links lead to."""

    @property
    def ran(self) -> str:
        """Return the recorded runs."""
        return self.canary.read_text() if self.canary.exists() else ""


def program(folder: Path, state: Path, *arguments: str, home: Path | None = None) -> Ran:
    """Run penguin as a user with this state folder."""
    done = subprocess.run(
        [sys.executable, "-m", "penguin_repl", *arguments],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(state), "HOME": str(home or state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True
    )


def hostile(root: Path) -> Hostile:
    """A workspace of the author with one workflow that waits for an engine, and one that is BLOCKED."""
    made = Hostile(root / "author", root / "evil", root / "canary", root / "target")
    made.folder.mkdir()
    made.target.mkdir()
    (made.target / "rcfile").write_text("# a file of the victim\n")
    (made.target / "folder").mkdir()
    (made.target / "folder" / "kept").write_text("kept\n")
    _allow(made, run=False)
    (made.folder / "penguin.yaml").write_text(CONFIG.format(evil=made.evil))
    (made.folder / "tasks.md").write_text(TASKS.format(evil=made.evil))
    _write_odd_files(made)
    git(made.folder, "init", "-q")
    git(made.folder, "add", "-A")
    git(made.folder, "commit", "-qm", "first")
    git(made.folder, "remote", "add", "origin", str(root / "nowhere"))
    author = root / "author-state"
    started = program(made.folder, author, "-c", "/workflow start quick --wait")
    assert "BLOCKED" in started.out + started.err, started
    _save_conversation(made.folder, author)
    talk = "\x1b[2J\x9b31m\u202e\u2028 text"
    lines = (f"/workflow feedback quick {talk}", "/workflow resume quick", "/workflow list")
    left = program(made.folder, author, "--detach", *(f"--command={line}" for line in lines))
    assert (left.code, "RUNNING" in left.out) == (0, True), left
    (made.folder / "changed.md").write_text("changed since\n")
    _allow(made, run=True)
    return made


def _write_odd_files(made: Hostile) -> None:
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(made.folder) + b"/" + name)).write_text("odd\n")
    (made.folder / DEEP).mkdir(parents=True)
    (made.folder / DEEP / "tasks.md").write_text("deep\n")
    blueprints = made.folder / "blueprints"
    blueprints.mkdir()
    (blueprints / "esc\x1b[2J\u202e.yaml").write_text('id: "x\\e[2J"\nitems: [{id: "y\\x9b", title: "\\L"}]\n')
    (blueprints / f"{'b' * 240}.yaml").write_text("items: 7\n")


def _save_conversation(folder: Path, state: Path) -> None:
    """Save an agent's conversation, with control characters everywhere."""
    text = "\x1b]0;owned\x07\x9b2J\u202e"
    code = (
        "import sys; from datetime import datetime, UTC; from penguin.orchestration.state import *\n"
        "with WorkflowStateStore(sys.argv[1] + '/.penguin/penguin.db') as store:\n"
        "    said = [{'role': sys.argv[2], 'text': sys.argv[2]}, {'role': 'tool', 'tool': sys.argv[2]}]\n"
        "    saved = ContextSnapshot('s\\x1b[2J', 'w' + sys.argv[2], said, datetime.now(UTC), agent=sys.argv[2])\n"
        "    store.save_context_snapshot(saved, {'a.jsonl': b'{}'})\n"
    )
    command = [sys.executable, "-c", code, str(folder), text]
    subprocess.run(command, check=True, env={**os.environ, "XDG_STATE_HOME": str(state)})


def _allow(made: Hostile, *, run: bool) -> None:
    """The program records its run; on the author's machine it fails, so that the workflow does not end."""
    controls = "\\033]0;owned\\007\\302\\2332J\\342\\200\\256"
    body = f'echo "$@" >> {made.canary}; cat' if run else f"printf '{controls}'; exit 1"
    made.evil.write_text(f"#!/bin/sh\n{body}\n")
    made.evil.chmod(0o755)


def commit_state(made: Hostile) -> None:
    """Have git track `.penguin` with the database, and links beside it."""
    state = made.folder / ".penguin"
    author = made.folder.parent / "author-state"
    assert program(made.folder, author, "-c", f"/backup {made.folder}/saved.db").code == 0
    shutil.rmtree(state)
    state.mkdir()
    (made.folder / "saved.db").rename(state / "penguin.db")
    for name in ("history", "worker.log", "workspace.key"):
        (state / name).symlink_to(made.target / "rcfile")
    for name in ("runs", "engines", "temporal"):
        (state / name).symlink_to(made.target / "folder")
    (made.folder / ".gitattributes").write_text(ATTRIBUTES)
    (made.folder / ".gitmodules").write_text(MODULES.format(evil=made.evil))
    git(made.folder, "add", "-Af", ".")
    _add_submodule(made.folder)
    git(made.folder, "commit", "-qm", "hostile \x1b[2J")


def _add_submodule(folder: Path) -> None:
    """Add the entry of a submodule, as a commit that is nowhere."""
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")


def configure_git(made: Hostile) -> None:
    """Name the program in the repository's own configuration, as an archive can bring it."""
    hooks, include = made.folder.parent / "hooks", made.folder.parent / "include"
    hooks.mkdir()
    _add_submodule(made.folder)
    for name in HOOKS:
        for place in (hooks, made.folder / ".git" / "hooks"):
            shutil.copy(made.evil, place / name)
    include.write_text(INCLUDED.format(evil=made.evil))
    (made.folder / ".gitattributes").write_text(ATTRIBUTES)
    values = {"evil": made.evil, "hooks": hooks, "include": include}
    with (made.folder / ".git" / "config").open("a") as file:
        file.write(GIT_CONFIG.format(**values))
    (made.folder / ".git" / "config.worktree").write_text(WORKTREE_CONFIG.format(**values))
    (made.folder / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


def snapshot(*folders: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, time of change and content of every file and folder below these."""
    found: dict[str, tuple[int, int, bytes]] = {}
    for folder in folders:
        for parent, names, files in os.walk(os.fsencode(folder)):
            for name in (b"", *names, *files):
                path = parent + b"/" + name
                about = os.lstat(path)
                data = b""
                if stat.S_ISREG(about.st_mode):
                    with open(path, "rb") as file:
                        data = file.read()
                elif stat.S_ISLNK(about.st_mode):
                    data = os.fsencode(Path(os.fsdecode(path)).readlink())
                # git updates the time of an existing object that it would have written.
                when = 0 if b"/.git/objects/" in path else about.st_mtime_ns
                found[os.fsdecode(path)] = (about.st_mode, when, data)
    return found
