"""The Temporal backend: the state machine of the core, hosted by a Temporal workflow."""
