"""Measurements, run by `make bench`; figures are written to docs/benchmarks.md and benchmarks/results.json."""
