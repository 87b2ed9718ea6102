"""The report of a period: benchmarks at the base, ranking, judges and people in the middle, users at the top."""
