"""Benchmarks: ratios within one run, never absolute times. `make bench`."""
