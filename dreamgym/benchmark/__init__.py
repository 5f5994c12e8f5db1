"""Benchmarks: speeds of the dream, the real game, V and M, one module per subject."""
