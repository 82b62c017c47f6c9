"""Formatting of times, durations, sizes, values and workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from datetime import datetime

    from penguin.orchestration.backend import WorkflowInfo


def format_time(when: datetime | None) -> str:
    """Format a time as local time; empty for None."""
    if when is None:
        return ""
    from datetime import datetime

    # Not astimezone(): it fails if TZ puts the local time a day or more from UTC.
    return datetime.fromtimestamp(when.timestamp()).strftime("%Y-%m-%d %H:%M:%S")


def format_duration(seconds: float) -> str:
    """Format a duration, in two units at most."""
    # Earlier versions recorded times that go back where the clock was set back.
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def format_elapsed(seconds: float) -> str:
    """Format a duration that goes on: in whole seconds, and in days if it is long."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole}s"
    return format_duration(whole) if whole < 2 * 86_400 else f"{whole // 86_400}d"


def format_size(count: int | None) -> str:
    """Format a number of bytes."""
    if count is None:
        return "gone"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count} {unit}"
        count //= 1000
    return f"{count} GB"


def format_value(value: object) -> str:
    """Format a setting or a named value for people."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {format_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(format_value(item) for item in value) + "]"
    return str(value)


def workflow_summary(info: WorkflowInfo) -> str:
    """Return a workflow in one line."""
    phase = "" if info.status.final or not info.phase.is_gate else f" {info.phase}"
    return f"{clean(info.workflow_id)} {info.status}{phase}"
