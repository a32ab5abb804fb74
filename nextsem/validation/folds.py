"""Splits of the students into training and test sets."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.model_selection import RepeatedKFold

from nextsem.shared.errors import InputError
from nextsem.students.students import UNKNOWN, Integers, Students

# Leaving out each of very many categories would take long; the largest ones are enough.
MOST_CATEGORIES = 10


@dataclass(frozen=True)
class Part:
    """A training set and a test set.

    Attributes
    ----------
    kind : "fold" of a repeated k-fold, "unseen" for a category left out of training, or "origin"
        for a point in time with training on what was known before it (rolling origin)
    label : the left-out category, the name of the point in time, or ""
    repeat, fold : counted from 1; 0 for a category or a point in time
    train, test : row indices of students
    """

    kind: Literal["fold", "unseen", "origin"]
    label: str
    repeat: int
    fold: int
    train: Integers
    test: Integers


def folds(students: Students, number: int, repeats: int, seed: int) -> list[Part]:
    """The folds of scikit-learn's RepeatedKFold, repeat by repeat.

    Raises
    ------
    InputError
        There are fewer than two test students per fold.
    """
    rows, everyone = np.flatnonzero(students.testable), np.arange(len(students))
    if len(rows) < 2 * number:
        raise InputError(
            f"crossvalidate.folds is {number}: the table has {len(rows)} students with the grades "
            "to be tested; allowed: 2 students or more in each fold"
        )
    split = RepeatedKFold(n_splits=number, n_repeats=repeats, random_state=seed).split(rows)
    parts = []
    for place, (_, test) in enumerate(split):
        train = np.setdiff1d(everyone, rows[test])
        repeat, fold = divmod(place, number)
        parts.append(Part("fold", "", repeat + 1, fold + 1, train, rows[test]))
    return parts


def without_each(students: Students, column: str) -> list[Part]:
    """Leave one category out: one part for each of the largest categories of a column.

    No one who ever had the category is in its training set. Empty with fewer than two parts.
    """
    place = students.schema.categories.index(column)
    codes, eligible = students.codes[..., place], students.testable
    latest = codes[np.arange(len(students)), students.last_place]
    found, sizes = np.unique(latest[eligible & (latest != UNKNOWN)], return_counts=True)
    parts = []
    for code in np.sort(found[np.argsort(-sizes, kind="stable")[:MOST_CATEGORIES]]):
        train = np.flatnonzero((codes != code).all(axis=1))
        test = np.flatnonzero((latest == code) & eligible)
        if eligible[train].sum() >= 2:
            parts.append(Part("unseen", students.vocabulary[place][code], 0, 0, train, test))
    return parts if len(parts) > 1 else []
