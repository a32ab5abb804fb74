"""Which students are forecast by forecasters that were trained on which others."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.model_selection import RepeatedKFold

from nextsem.shared.errors import InputError
from nextsem.students.students import UNKNOWN, Integers, Mask, Students

# Leaving each of very many categories out would take long; the largest ones tell as much.
MOST_CATEGORIES = 10


@dataclass(frozen=True)
class Part:
    """Students to train on and students to forecast.

    Attributes
    ----------
    kind : "fold" of a repeated k-fold, "unseen" for a category that is left out of training, or
        "origin" for a point in time, before which all is learnt
    label : the category that is left out, or the name of the point in time, or ""
    repeat, fold : counted from 1; 0 for a category or a point in time
    train, test : rows of all students
    """

    kind: Literal["fold", "unseen", "origin"]
    label: str
    repeat: int
    fold: int
    train: Integers
    test: Integers


def can_be_tested(students: Students) -> Mask:
    """Students who can be tested, [students]: of a wide table those with every semester.

    Of transcripts they are those with two grades or more. All others only teach.
    """
    if students.schema.layout == "wide":
        return students.complete
    return np.asarray(students.known.sum(axis=1) >= 2)


def folds(students: Students, number: int, repeats: int, seed: int) -> list[Part]:
    """The folds of each repeat, one repeat after the other: those of scikit-learn's RepeatedKFold.

    Raises
    ------
    InputError
        There are fewer than two students to test for each fold.
    """
    rows, everyone = np.flatnonzero(can_be_tested(students)), np.arange(len(students))
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
    """For each of the largest categories of a column: train without it, and forecast it.

    Nobody who ever had the category is trained on. Empty where fewer than two can be tested.
    """
    place = students.schema.categories.index(column)
    codes, eligible = students.codes[..., place], can_be_tested(students)
    latest = codes[np.arange(len(students)), students.last_place]
    found, sizes = np.unique(latest[eligible & (latest != UNKNOWN)], return_counts=True)
    parts = []
    for code in np.sort(found[np.argsort(-sizes, kind="stable")[:MOST_CATEGORIES]]):
        train = np.flatnonzero((codes != code).all(axis=1))
        test = np.flatnonzero((latest == code) & eligible)
        if eligible[train].sum() >= 2:
            parts.append(Part("unseen", students.vocabulary[place][code], 0, 0, train, test))
    return parts if len(parts) > 1 else []
