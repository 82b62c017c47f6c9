"""Penguin: a terminal for durable software tasks. The engine lives in `penguin.orchestration`."""
