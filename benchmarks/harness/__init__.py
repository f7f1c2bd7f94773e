"""Timing, queues, problems and reports that the benchmarks share."""
