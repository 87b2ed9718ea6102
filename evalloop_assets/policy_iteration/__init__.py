"""Stage 5: candidate policies made from the reward model, and the gate that they pass before anyone sees them."""
