"""The simulated cohort: nobody's grades, with the statistics of the published table."""
