"""The cache of blueprints in this process, by the identity of their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from penguin.orchestration.blueprint.model import Blueprint

_SETTLED_NS = 2_000_000_000
"""Age in nanoseconds from which the times of a file tell its versions apart, on coarse file systems too."""
_Identity = tuple[int, int, int, int, int]
_Key = tuple[str, str, str]
_cache: dict[_Key, tuple[_Identity, Blueprint]] = {}


def cached_blueprint(path: Path, shown: str, project_id: str, parse: Callable[[], Blueprint]) -> Blueprint:
    """Return the blueprint in a file, parsed again only if the file is not the one that was parsed before.

    A file is the same if device, inode, size, and the times of its last modification and change are. What changed in
    the last two seconds is not cached: it could change again within the resolution of these times.
    """
    key = (str(path.absolute()), shown, project_id)
    before = _identity(path)
    found = _cache.get(key)
    if found and found[0] == before:
        return found[1]
    _cache.pop(key, None)
    blueprint = parse()
    if before and before == _identity(path) and time.time_ns() - max(before[3:]) > _SETTLED_NS:
        _cache[key] = (before, blueprint)
    return blueprint


def _identity(path: Path) -> _Identity | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
