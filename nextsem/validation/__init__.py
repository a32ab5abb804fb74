"""Validation: out-of-fold forecasts by the network and by baselines."""
