"""Dynamic evaluation: a simulated user talks with a policy over many turns, and every turn is scored."""
