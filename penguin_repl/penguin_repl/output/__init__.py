"""Output of results to standard output, standard error or a pager."""
