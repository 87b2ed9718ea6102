"""Stage 3, Horizon Labels: returns, labels by horizon with censoring, and the pairs that behaviour prefers."""
