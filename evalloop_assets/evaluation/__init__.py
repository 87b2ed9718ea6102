"""Evaluation before and beside the users: judges, people, benchmarks, held against what users do."""
