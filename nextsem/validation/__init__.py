"""Validation: forecasts of every student by the network and by simpler rivals that never saw them."""
