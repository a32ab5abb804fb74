"""Cases: grades to forecast, and what is known about the student before each."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nextsem.students.students import Codes, Integers, Mask, Numbers, Students


@dataclass(frozen=True)
class Cases:
    """Terms of students, and what is known before each.

    Attributes
    ----------
    places : [cases], index of the term
    grades : [cases, grades], the last grades before the term, grade points; NaN where not known
    own_mean : [cases], the mean of all grades before the term
    number_known : [cases], the number of grades before the term
    numbers : [cases, numbers], NaN where not known
    codes : [cases, categories], UNKNOWN where not known
    actual : [cases], the grade of the term; NaN where not known
    """

    places: Integers
    grades: Numbers
    own_mean: Numbers
    number_known: Integers
    numbers: Numbers
    codes: Codes
    actual: Numbers

    def __len__(self) -> int:
        return len(self.places)

    @property
    def filled(self) -> Numbers:
        """The last grades, gaps imputed by the student's own mean, [cases, grades]."""
        return np.where(np.isfinite(self.grades), self.grades, self.own_mean[:, None])


def cases(students: Students, chosen: Mask, grades: int) -> Cases:
    """What is known before each term of the mask `chosen` [students, terms].

    At least one grade must be known before each. `grades` is the number of last grades to include.
    """
    rows, places = np.nonzero(chosen)
    terms = np.arange(students.grades.shape[1])
    before = np.where(terms < places[:, None], students.grades[rows], np.nan)
    window = places[:, None] - grades + np.arange(grades)
    known = np.isfinite(before).sum(axis=1)
    schema = students.schema

    def as_known(values: Any, columns: list[str]) -> Any:
        ahead = np.isin(columns, schema.ahead)
        return np.where(ahead, values[rows, places], values[rows, places - 1])

    return Cases(
        places,
        np.where(window < 0, np.nan, np.take_along_axis(before, np.maximum(window, 0), axis=1)),
        np.nansum(before, axis=1) / known,
        known,
        as_known(students.numbers, schema.numbers),
        as_known(students.codes, schema.categories),
        students.grades[rows, places],
    )


def to_forecast(students: Students) -> Mask:
    """Mask [students, terms]: terms with a known grade before, up to the next term."""
    places = np.arange(students.grades.shape[1])
    return (students.known_before > 0) & (places <= students.next_term[:, None])
