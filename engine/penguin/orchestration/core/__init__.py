"""The state machine of a workflow: pure functions and values. No IO, no clock, no randomness."""
