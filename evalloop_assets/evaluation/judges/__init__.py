"""Judges, models that compare two replies."""
