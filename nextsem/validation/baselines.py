"""Baselines: forecasts without a network, which the network has to beat.

A baseline takes the training students and the students to forecast, both of one table, and returns
forecasts [students, terms], grade points: each term from what is known before it. NaN where no
grade is known before, and after the next term. A new baseline is one function and one entry in
BASELINES.
"""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from nextsem.students.cases import Cases, cases, to_forecast
from nextsem.students.students import Numbers, Students
from nextsem.validation.inputs import columns, known_beforehand, line
from nextsem.validation.trees import boosted_trees, forest

MOST_GRADES = 12  # last grades used, as older ones add nothing
MOST_TRIED = 5000  # cases used to choose the penalty
PENALTIES = np.geomspace(0.5, 512, 21)


def mean(train: Students, students: Students) -> Numbers:
    """The mean grade of the term over the training students."""
    known, grades = train.known, np.nan_to_num(train.grades)
    overall = grades.sum() / max(1, known.sum())
    number = known.sum(axis=0)
    of_term = np.where(number > 0, grades.sum(axis=0) / np.maximum(number, 1), overall)
    return np.where(to_forecast(students), of_term, np.nan)


def last(train: Students, students: Students) -> Numbers:
    """A copy of the last known grade."""
    places = np.arange(students.grades.shape[1])
    latest = np.maximum.accumulate(np.where(students.known, places, 0), axis=1)
    copied = np.take_along_axis(students.grades, np.roll(latest, 1, axis=1), axis=1)
    return np.where(to_forecast(students), copied, np.nan)


def own_mean(train: Students, students: Students) -> Numbers:
    """The mean of the student's own earlier grades."""
    asked = to_forecast(students)
    forecasts = np.full(asked.shape, np.nan)
    forecasts[asked] = cases(students, asked, 1).own_mean
    return forecasts


def linear(train: Students, students: Students) -> Numbers:
    """Linear regression of each term on the grades before it."""

    def regression(learn: Cases, asked: Cases) -> Numbers:
        return line(learn).predict(asked.filled)

    return _by_term(train, students, regression, 0)


def linear_static(train: Students, students: Students) -> Numbers:
    """Linear regression of each term on the grades before it and on the other columns."""

    def regression(learn: Cases, asked: Cases) -> Numbers:
        known = [np.hstack(each) for each in known_beforehand(learn, asked)]
        model = LinearRegression().fit(np.hstack([learn.filled, known[0]]), learn.actual)
        return model.predict(np.hstack([asked.filled, known[1]]))

    return _by_term(train, students, regression, columns(train))


def pooled_ridge(train: Students, students: Students) -> Numbers:
    """Ridge regression with slopes for each category, shrunk towards common ones.

    Common slopes, numbers, categories, and deviations of a category's slopes share one penalty
    (partial pooling: Gelman and Hill, "Data analysis using regression and multilevel models", 2007,
    chapter 13). It minimizes the leave-one-out error on the training students (Allen's PRESS,
    Technometrics 16, 1974), or on a subset if they are many.
    """

    def regression(learn: Cases, asked: Cases) -> Numbers:
        scaler = StandardScaler().fit(learn.filled)

        def inputs(of: Cases, numbers: Numbers, categories: Numbers) -> Numbers:
            grades = scaler.transform(of.filled)
            slopes = (categories[:, :, None] * grades[:, None, :]).reshape(len(of), -1)
            return np.hstack([grades, numbers, categories, slopes])

        known = known_beforehand(learn, asked)
        learnt, some = inputs(learn, *known[0]), slice(None, None, 1 + len(learn) // MOST_TRIED)
        penalty = RidgeCV(PENALTIES).fit(learnt[some], learn.actual[some]).alpha_
        return Ridge(penalty).fit(learnt, learn.actual).predict(inputs(asked, *known[1]))

    return _by_term(train, students, regression, columns(train))


BASELINES: dict[str, Callable[[Students, Students], Numbers]] = {
    "mean": mean,
    "last": last,
    "own_mean": own_mean,
    "linear": linear,
    "linear_static": linear_static,
    "pooled_ridge": pooled_ridge,
    "forest": forest,
    "boosted_trees": boosted_trees,
}


def linear_sd(train: Students) -> Numbers:
    """Standard deviation of the training residuals of `linear`, [terms]; NaN for the first."""
    deviations = np.full(train.grades.shape[1], np.nan)
    for term in range(1, len(deviations)):
        learn = _training_cases(train, term, 0)
        residuals = learn.actual - line(learn).predict(learn.filled)
        freedom = max(1, len(learn) - learn.grades.shape[1] - 1)
        deviations[term] = np.sqrt(np.sum(residuals**2) / freedom)
    return deviations


def _by_term(
    train: Students, students: Students, regression: Callable[[Cases, Cases], Numbers], others: int
) -> Numbers:
    """Forecasts by one regression for each term; `others` is the number of non-grade inputs."""
    asked = to_forecast(students)
    forecasts = np.full(asked.shape, np.nan)
    for term in range(1, asked.shape[1]):
        chosen = asked & (np.arange(asked.shape[1]) == term)
        if chosen.any():
            learn = _training_cases(train, term, others)
            forecasts[chosen] = regression(learn, cases(students, chosen, learn.grades.shape[1]))
    return forecasts


def _training_cases(train: Students, term: int, others: int) -> Cases:
    """Training cases of a term: students with its grade and all (at most 12) grades before it.

    If these are fewer than twice the inputs, neighbouring terms are added until there are ten times
    as many cases as inputs, with half as many last grades, and gaps filled.
    """
    places = np.arange(train.grades.shape[1])
    width, around = min(term, MOST_GRADES), 0
    complete = train.known[:, term - width : term + 1].all(axis=1, keepdims=True)
    chosen = complete & (places == term)
    if chosen.sum() < 2 * (width + others):
        width = min((width + 1) // 2, places[train.to_learn.any(axis=0)].max())
        while chosen.sum() < 10 * (width + others) and around < len(places):
            around = 2 * around + 1
            chosen = train.to_learn & (abs(places - term) <= around) & (places >= width)
    return cases(train, chosen, width)
