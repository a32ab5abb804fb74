"""What the network has to beat: forecasts that need no network.

Each takes the training students and the students to forecast, all with every semester known, and
gives forecasts of the last semester, [students], grade points. Least squares is LAPACK's, by way of
numpy: scikit-learn gives the same figures (a test) after a second of imports.
"""

from collections.abc import Callable

import numpy as np

from nextsem.students import Numbers, Students, categories, center_and_spread, one_hot


def mean(train: Students, students: Students) -> Numbers:
    """The mean of the training students, for everyone."""
    return np.full(len(students), train.target.mean())


def last(train: Students, students: Students) -> Numbers:
    """A copy of the last semester known."""
    return students.grades[:, -2]


def linear(train: Students, students: Students) -> Numbers:
    """Linear regression on the semesters before."""
    return _least_squares(train.grades[:, :-1], train.target, students.grades[:, :-1])


def own_mean(train: Students, students: Students) -> Numbers:
    """The mean of the student's own semesters before."""
    return students.grades[:, :-1].mean(axis=1)


def linear_static(train: Students, students: Students) -> Numbers:
    """Linear regression on the semesters before and all that is known beforehand."""
    known = _known_beforehand(train, train), _known_beforehand(train, students)
    inputs = np.hstack([train.grades[:, :-1], known[0]])
    return _least_squares(inputs, train.target, np.hstack([students.grades[:, :-1], known[1]]))


def pooled_ridge(train: Students, students: Students) -> Numbers:
    """Ridge regression in which each category has slopes of its own, pulled towards the common ones.

    Common slopes, what is known beforehand, and deviations of a category's slopes share one penalty
    (partial pooling: Gelman and Hill, "Data analysis using regression and multilevel models", 2007,
    chapter 13). It is the one of least leave-one-out error on the training students (Allen's PRESS,
    Technometrics 16, 1974).
    """

    def inputs(of: Students) -> Numbers:
        grades = (of.grades[:, :-1] - center) / spread
        known = _known_beforehand(train, of)
        slopes = known[:, of.numeric.shape[1] :, None] * grades[:, None, :]
        return np.hstack([grades, known, slopes.reshape(len(of), -1)])

    center, spread = train.grades[:, :-1].mean(axis=0), train.grades[:, :-1].std(axis=0)
    spread[spread == 0] = 1
    fitted = inputs(train)
    middle = fitted.mean(axis=0)
    fitted -= middle
    residual = train.target - train.target.mean()
    # Singular values give the fit and the leverages for every penalty at once.
    left, values, right = np.linalg.svd(fitted, full_matrices=False)
    projected = left.T @ residual
    errors, slopes = [], []
    for penalty in PENALTIES:
        kept = values**2 / (values**2 + penalty)
        leverage = (left**2) @ kept + 1 / len(train)
        errors.append(np.mean(((residual - left @ (kept * projected)) / (1 - leverage)) ** 2))
        slopes.append(right.T @ (values / (values**2 + penalty) * projected))
    return (inputs(students) - middle) @ slopes[int(np.argmin(errors))] + train.target.mean()


def linear_risk(train: Students, students: Students, line: float, lower_is_better: bool) -> Numbers:
    """Probability of a grade worse than the line, [students]: `linear` with normal errors."""
    from scipy.special import ndtr  # here, because few stages need it

    freedom = max(1, len(train) - train.grades.shape[1])
    residuals = train.target - linear(train, train)
    spread = max(np.sqrt(np.sum(residuals**2) / freedom), np.finfo(float).eps)
    below = ndtr((line - linear(train, students)) / spread)
    return 1 - below if lower_is_better else below


PENALTIES = np.geomspace(0.5, 512, 21)
BASELINES: dict[str, Callable[[Students, Students], Numbers]] = {
    "mean": mean,
    "last": last,
    "own_mean": own_mean,
    "linear": linear,
    "linear_static": linear_static,
    "pooled_ridge": pooled_ridge,
}


def _known_beforehand(train: Students, of: Students) -> Numbers:
    """Numeric columns, scaled, and a column for each category of the training students.

    A number that is missing is the usual one.
    """
    usual, spread = center_and_spread(train.numeric)
    numeric = np.nan_to_num((of.numeric - usual) / spread)
    static = [
        one_hot(of.static[:, place], categories(column))
        for place, column in enumerate(train.static.T)
    ]
    return np.hstack([numeric, *static])


def _least_squares(inputs: Numbers, target: Numbers, asked: Numbers) -> Numbers:
    """Ordinary least squares with an intercept; of several solutions the one of least norm."""
    center = inputs.mean(axis=0)
    slopes = np.linalg.lstsq(inputs - center, target - target.mean(), rcond=None)[0]
    return (asked - center) @ slopes + target.mean()
