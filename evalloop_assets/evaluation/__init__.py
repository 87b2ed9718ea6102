"""The evaluation pyramid: benchmarks, judges and people are early and cheap, and held against what users do."""
