"""The distributed backend: the same machine, hosted by a Temporal workflow."""
