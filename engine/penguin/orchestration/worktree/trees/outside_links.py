"""The symbolic links of a commit that lead out of its tree, found in the commit alone: no file is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penguin.orchestration.worktree.git import Repository

LINK = "120000"
"""The mode of a symbolic link."""
_MOST_STEPS = 40
"""Links on the way to a file, as the kernel allows."""


def outside_links(repository: Repository, files: Mapping[bytes, str], commit: str) -> list[bytes]:
    """Return the links that lead out of the tree, or in a circle. `files`: the modes of a commit's files, by path."""
    paths = [path for path, mode in files.items() if mode == LINK]
    targets = dict(zip(paths, _contents(repository, commit, paths), strict=True))
    return [path for path in paths if leads_out(path, targets)]


def leads_out(path: bytes, targets: Mapping[bytes, bytes]) -> bool:
    """Return whether a link leads out of a tree with these links, or has no end."""
    folder: list[bytes] = []
    rest = path.split(b"/")
    steps = 0
    while rest:
        part = rest.pop(0)
        if part == b"..":
            if not folder:
                return True
            folder.pop()
        elif part not in (b"", b"."):
            folder.append(part)
            target = targets.get(b"/".join(folder))
            if target is not None:
                steps += 1
                if target.startswith(b"/") or steps > _MOST_STEPS:
                    return True
                folder.pop()
                rest = target.split(b"/") + rest
    return False


def _contents(repository: Repository, commit: str, paths: Sequence[bytes]) -> list[bytes]:
    """Return the contents of files of a commit."""
    if not paths:
        return []
    names = repository.run("ls-tree", "-r", "-z", commit)
    objects = {row.partition(b"\t")[2]: row.partition(b"\t")[0].split(b" ")[2] for row in names.split(b"\0")[:-1]}
    stdin = b"".join(objects[path] + b"\n" for path in paths)
    output = repository.run("cat-file", "--batch", stdin=stdin)
    contents = []
    for _ in paths:
        header, _, output = output.partition(b"\n")
        size = int(header.split(b" ")[2])
        contents.append(output[:size])
        output = output[size + 1 :]
    return contents
