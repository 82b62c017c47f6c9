"""Output of results: what goes to standard output, to standard error, to a pager."""
