"""Erasure: a person leaves every table, version, export and file, and what remains proves it."""
