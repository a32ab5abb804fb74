"""A summary of the students that a forecaster was trained on: what drift is measured from."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nextsem.students.students import Numbers, Students


@dataclass(frozen=True)
class Profile:
    """Grades and number columns of students, in a form that JSON holds.

    It has no categories: the forecaster itself knows which ones it was trained on.

    Attributes
    ----------
    columns : for each term and each number column that has a value: the count of students, mean,
        standard deviation, lowest and highest; of a number column, those of the last known values
    """

    columns: dict[str, list[float]]

    @classmethod
    def of(cls, students: Students) -> Self:
        """The profile of a table of students."""
        last = students.numbers[np.arange(len(students)), students.last_place]
        names = [*(f"grade {name}" for name in students.schema.terms), *students.schema.numbers]
        values = [*students.grades.T, *last.T]
        described = zip(names, map(_described, values), strict=True)
        return cls({name: numbers for name, numbers in described if numbers})


def _described(values: Numbers) -> list[float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    return [*map(float, (len(known), known.mean(), known.std(), known.min(), known.max()))]
