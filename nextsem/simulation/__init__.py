"""The simulated cohort: no real grades, but the statistics of the published table."""
