"""Which command lines run tests, and where those report to."""
