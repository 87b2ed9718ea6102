"""Guardrails: one verdict per experiment and day, and the rollback that follows from it."""
