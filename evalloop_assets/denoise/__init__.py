"""Stage 2, Denoise: sessions, effective reading, and which exits are no failure."""
