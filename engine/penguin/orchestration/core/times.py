"""Conversion of times: seconds since the epoch inside, aware UTC datetimes outside."""

from __future__ import annotations

from datetime import UTC, datetime


def from_timestamp(seconds: float) -> datetime:
    """Return an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
