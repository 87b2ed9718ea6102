"""Relative comparison: a filter that removes what is clearly worse, cheaply, and hands the rest to the A/B test."""
