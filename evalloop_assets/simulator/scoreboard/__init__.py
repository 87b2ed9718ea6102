"""The loop held against the truth of simulated products, and beside it what the naive methods score."""
