"""Feature selection: the columns that a random forest prefers to shuffled copies."""

from dataclasses import replace

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from nextsem.students.cases import cases
from nextsem.students.students import Students

_LAST_GRADES = 4
_MOST_CASES = 5000  # are enough


def all_columns(students: Students) -> tuple[list[int], list[int]]:
    """Indices of all categorical and of all numeric columns."""
    return [*range(len(students.schema.categories))], [*range(len(students.schema.numbers))]


def relevant_columns(students: Students, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the categorical and of the numeric columns that help to forecast.

    A random forest is fitted to the earlier grades, all columns, and a copy of each column shuffled
    among students. A column helps if its importance (decrease in squared error) exceeds that of
    every shuffled copy (Kursa and Rudnicki, "Feature selection with the Boruta package", Journal of
    Statistical Software 36, 2010).
    """
    categories, numbers = len(students.schema.categories), len(students.schema.numbers)
    if categories + numbers == 0:
        return [], []
    rng = np.random.default_rng(seed)
    last = min(_LAST_GRADES, students.grades.shape[1] - 1)
    both = [cases(of, students.to_learn, last) for of in (students, _shuffled(students, rng))]
    rows = np.sort(rng.permutation(len(both[0]))[:_MOST_CASES])
    columns, shuffled = (np.hstack([of.codes, of.numbers])[rows] for of in both)
    known = np.isfinite(columns).any(axis=0)  # scikit-learn fails on an empty column
    learn, number = both[0], columns.shape[1]
    grades = np.column_stack([learn.places, learn.number_known, learn.own_mean, learn.filled])[rows]
    forest = RandomForestRegressor(min_samples_leaf=3, max_features=1 / 3, random_state=seed)
    forest.fit(
        np.hstack([grades, np.where(known, columns, 0), np.where(known, shuffled, 0)]),
        learn.actual[rows],
    )
    worth = forest.feature_importances_[-2 * number :]
    helps = np.flatnonzero(worth[:number] > worth[number:].max()).tolist()
    return (
        [column for column in helps if column < categories],
        [column - categories for column in helps if column >= categories],
    )


def _shuffled(students: Students, rng: np.random.Generator) -> Students:
    """The students with each column shuffled among them, all terms of a student together."""
    codes, numbers = students.codes.copy(), students.numbers.copy()
    for values in (codes, numbers):
        for column in range(values.shape[2]):
            values[..., column] = values[rng.permutation(len(students)), :, column]
    return replace(students, codes=codes, numbers=numbers)
