"""A simulated product with known truth: its logs feed the loop, its truth is read by nothing but this folder."""
