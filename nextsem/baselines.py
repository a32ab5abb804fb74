"""What the network has to beat: forecasts that need no network.

Each takes the training students and the students to forecast, all with every semester known, and
gives forecasts of the last semester, [students], grade points. Least squares is LAPACK's, by way of
numpy: scikit-learn gives the same figures (a test) after a second of imports.
"""

from collections.abc import Callable

import numpy as np

from nextsem.students import Numbers, Students, categories, one_hot


def mean(train: Students, students: Students) -> Numbers:
    """The mean of the training students, for everyone."""
    return np.full(len(students), train.target.mean())


def last(train: Students, students: Students) -> Numbers:
    """A copy of the last semester known."""
    return students.grades[:, -2]


def linear(train: Students, students: Students) -> Numbers:
    """Linear regression on the semesters before."""
    return _least_squares(train.grades[:, :-1], train.target, students.grades[:, :-1])


def linear_static(train: Students, students: Students) -> Numbers:
    """Linear regression on the semesters before and all that is known beforehand."""
    known = [categories(column) for column in train.static.T]
    usual = np.nanmean(train.numeric, axis=0)

    def inputs(of: Students) -> Numbers:
        static = [one_hot(of.static[:, place], each) for place, each in enumerate(known)]
        numeric = np.where(np.isnan(of.numeric), usual, of.numeric)
        return np.concatenate([of.grades[:, :-1], numeric, *static], axis=1)

    return _least_squares(inputs(train), train.target, inputs(students))


BASELINES: dict[str, Callable[[Students, Students], Numbers]] = {
    "mean": mean,
    "last": last,
    "linear": linear,
    "linear_static": linear_static,
}


def _least_squares(inputs: Numbers, target: Numbers, asked: Numbers) -> Numbers:
    """Ordinary least squares with an intercept; of several solutions the one of least norm."""
    center = inputs.mean(axis=0)
    slopes = np.linalg.lstsq(inputs - center, target - target.mean(), rcond=None)[0]
    return (asked - center) @ slopes + target.mean()
