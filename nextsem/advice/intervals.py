"""Prediction intervals at a level, and the risk of a grade beyond a line.

A conformal predictive system (Vovk, Shen, Manokhin and Xie, "Nonparametric predictive
distributions based on conformal prediction", Machine Learning 108, 2019): the errors of held-out
students, each in units of the spread that is usual for such a student, stand for the error of a new
forecast. Those forecasts came from other networks than the one that forecasts a new student, as in
cross-conformal prediction, so coverage is measured and not guaranteed.

The ends are those of the package `crepes` (a test holds them against it).
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
    """Lowest and highest grade of the prediction intervals, [students, 2], grade points.

    So few residuals that they do not reach the coverage give the whole grade range.

    Parameters
    ----------
    forecasts, spread : [students], grade points
    known : [students], how many grades the forecast was made from
    coverage : the share of grades that the intervals are to hold
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
    """Probability of a grade below the line (above it, where lower is better), [students].

    It is never 0 or 1, and NaN where the forecast is.
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
