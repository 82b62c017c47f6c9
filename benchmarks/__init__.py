"""Benchmarks: Penguin compared with its theoretical minimum and with other programs; `make bench` runs them."""
