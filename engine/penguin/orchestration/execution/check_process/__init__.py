"""The check of step output in a separate process: regular expressions and large test reports."""
