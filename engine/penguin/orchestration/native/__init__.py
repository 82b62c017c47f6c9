"""The embedded backend: asyncio and SQLite in one process."""
