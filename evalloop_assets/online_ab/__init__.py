"""Online A/B: what the treatment does to behaviour, how sure that is, and what to do next."""
