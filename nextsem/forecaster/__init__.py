"""From students to a network's inputs and back: fit, forecast, save and load a forecaster."""
