"""Benchmarks: each prints what it reached beside a floor that was measured in the same run."""
