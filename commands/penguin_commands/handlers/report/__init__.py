"""Collection of what a report says."""
