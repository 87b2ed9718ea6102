"""Offline scores held against what users do: which cheap predictor still orders the models as the users do."""
