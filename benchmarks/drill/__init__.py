"""Faults on real processes, and what survived them: `python -m benchmarks.drill`."""
