"""Judging what steps wrote in a process of its own: regular expressions and large test reports."""
