"""From forecasts to metrics, significance tests, summaries and figures; reads no student table."""
