"""Stage 7, Backfill: what matured or changed, and what must therefore be computed anew."""
