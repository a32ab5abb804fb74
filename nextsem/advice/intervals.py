"""Prediction intervals, and the risk of a grade beyond a threshold.

Both come from the conformal predictive system of `nextsem.forecaster.calibration`: scaled residuals
of validation sets are the distribution of a new forecast's error, in units of its spread. Coverage
is measured, not guaranteed.

The interval ends equal those of the package `crepes` (there is a test).
"""

from math import ceil

import numpy as np

from nextsem.forecaster.calibration import Calibration
from nextsem.students.students import Integers, Numbers


def ranges(
    calibration: Calibration,
    forecasts: Numbers,
    spread: Numbers,
    known: Integers,
    coverage: float,
    grade_range: tuple[float, float],
) -> Numbers:
    """Ends of the prediction intervals, [students, 2], grade points.

    With too few residuals for the coverage, an interval is the whole grade range.

    Parameters
    ----------
    forecasts, spread : [students], grade points
    known : [students], number of known grades
    coverage : nominal coverage, the target share of grades within the intervals
    """
    ends = np.full((len(forecasts), 2), np.nan)
    for rows, residuals in calibration.residuals_for(known, forecasts):
        count = len(residuals)
        low = int((1 - coverage) / 2 * (count + 1)) - 1
        high = ceil((1 + coverage) / 2 * (count + 1)) - 1
        ends[rows, 0] = residuals[low] if low >= 0 else -np.inf
        ends[rows, 1] = residuals[high] if high < count else np.inf
    found = forecasts[:, None] + spread[:, None] * ends
    return np.asarray(found.clip(*grade_range))


def risk(
    calibration: Calibration,
    forecasts: Numbers,
    spread: Numbers,
    known: Integers,
    line: float,
    lower_is_better: bool,
) -> Numbers:
    """Probability of a grade below `line` (above it, if lower is better), [students].

    It is never exactly 0 or 1, and NaN where the forecast is NaN.
    """
    distance = (line - forecasts) / spread
    found = np.full(len(forecasts), np.nan)
    for rows, residuals in calibration.residuals_for(known, forecasts):
        if lower_is_better:
            beyond = len(residuals) - np.searchsorted(residuals, distance[rows], side="right")
        else:
            beyond = np.searchsorted(residuals, distance[rows], side="left")
        found[rows] = (beyond + 0.5) / (len(residuals) + 1)
    found[np.isnan(distance)] = np.nan
    return found
