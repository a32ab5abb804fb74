"""From forecasts to metrics, tests of differences, summaries and pictures; reads no table."""
