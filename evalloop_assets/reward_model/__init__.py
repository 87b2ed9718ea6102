"""Stage 4: what a reply is worth, learned from the preferences that behaviour reveals."""
