"""Runs a table of configurations and seeds: `python -m benchmarks.reproduce`."""
