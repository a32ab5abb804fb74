"""Errors of forecasts, and how much one thing tells of another."""

import numpy as np
from numpy.typing import NDArray

from nextsem.students import Numbers


def mse(actual: Numbers, forecast: Numbers) -> float:
    """Mean squared error, squared grade points."""
    return float(np.mean((actual - forecast) ** 2))


def scores(actual: Numbers, forecast: Numbers) -> dict[str, float]:
    """`mse`, its root `rmse`, mean absolute error `mae` (grade points), `r2`, and the count `n`."""
    error = mse(actual, forecast)
    spread = float(np.mean((actual - actual.mean()) ** 2))
    return {
        "mse": error,
        "rmse": error**0.5,
        "mae": float(np.mean(np.abs(actual - forecast))),
        "r2": 1 - error / spread if spread > 0 else float("nan"),
        "n": len(actual),
    }


def correlation_ratio(categories: NDArray[np.str_], values: Numbers) -> float:
    """Eta: how much of the spread of values lies between categories, from 0 (none) to 1 (all).

    The square root of the sum of squares between over that in total (Fisher, "Statistical Methods
    for Research Workers", 1925, section 45), over rows with both; NaN where undefined.
    """
    both = (categories != "") & np.isfinite(values)
    places, values = np.unique(categories[both], return_inverse=True)[1], values[both]
    total = np.sum((values - values.mean()) ** 2) if len(values) else 0.0
    if not total > 0:
        return float("nan")
    sizes = np.bincount(places)
    means = np.bincount(places, values) / sizes
    return float(np.sqrt(np.sum(sizes * (means - values.mean()) ** 2) / total))
