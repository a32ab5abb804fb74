"""Contributions of inputs to a forecast: exact Shapley values.

A student's contributions add up to the forecast minus that of the average student with the same
known terms (Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS
2017). Inputs are grouped into at most seven, so that every subset can be evaluated.
"""

from collections.abc import Callable
from dataclasses import replace
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from nextsem.students.students import UNKNOWN, Mask, Numbers, Schema, Students

if TYPE_CHECKING:
    from nextsem.forecaster.forecaster import Forecaster

TERMS = ["last term", "term before", "2 terms before", "earlier terms"]
_COLUMNS = 3  # groups of columns, at most: 2 ** (4 + 3) subsets
_TOGETHER = 8192  # forecasts at a time


def explain(
    forecaster: "Forecaster", students: Students, first: int
) -> tuple[list[str], Numbers, Numbers]:
    """Contributions to the forecast of each student's next term.

    An input is a term's grade, or a column's values in all terms. Inputs outside a subset have the
    average student's values. Unknown inputs contribute nothing.

    Parameters
    ----------
    students : each with a known grade and a next term
    first : how many of them are explained; for the others the results are NaN

    Returns
    -------
    inputs : names of the groups of inputs: `TERMS`, then columns
    average : [students], forecast of the average student with the same known terms
    contributions : [students, inputs], grade points; NaN where the student has no such term
    """
    columns = column_groups(students.schema)
    names = [*TERMS, *columns]
    average = np.full(len(students), np.nan)
    contributions = np.full((len(students), len(names)), np.nan)
    next_term = students.next_term[:first]
    with tqdm(total=len(next_term), unit="student", desc="explain", disable=None) as bar:
        for known in np.unique(next_term):
            terms = min(known, len(TERMS))
            given = [*range(terms), *range(len(TERMS), len(names))]
            rows = np.flatnonzero(next_term == known)
            at_once = max(_TOGETHER >> len(given), 1)
            for some in np.split(rows, range(at_once, len(rows), at_once)):
                part = first_terms(students[some], known + 1)

                def value(subsets: Mask, part: Students = part, terms: int = terms) -> Numbers:
                    asked = _knowing(forecaster, part, subsets, terms, list(columns.values()))
                    forecasts = forecaster.predict(asked).forecasts[:, -1]
                    return forecasts.reshape(len(part), len(subsets))

                average[some], found = shapley_values(value, len(given))
                contributions[some[:, None], given] = found
                bar.update(len(some))
    return names, average, contributions


def column_groups(schema: Schema) -> dict[str, list[int]]:
    """Column indices by name of the group, categories first: single columns, then the rest."""
    names = [*schema.categories, *schema.numbers]
    places = list(range(len(names)))
    groups = [[place] for place in places[: _COLUMNS - 1]]
    groups += [places[_COLUMNS - 1 :]] * (len(places) >= _COLUMNS)
    more = [f" and {len(group) - 2} more" if len(group) > 2 else "" for group in groups]
    return {
        ", ".join(names[place] for place in group[:2]) + rest: group
        for group, rest in zip(groups, more, strict=True)
    }


def first_terms(students: Students, terms: int) -> Students:
    """The same students, cut to the first terms."""
    return replace(
        students,
        schema=replace(students.schema, terms=students.schema.terms[:terms]),
        grades=students.grades[:, :terms],
        codes=students.codes[:, :terms],
        numbers=students.numbers[:, :terms],
        times=students.times[:, :terms],
    )


def shapley_values(value: Callable[[Mask], Numbers], inputs: int) -> tuple[Numbers, Numbers]:
    """The value without any input, [students], and each contribution, [students, inputs].

    Parameters
    ----------
    value : forecasts [students, subsets] when only the inputs in each subset [subsets, inputs] are
        known
    """
    subsets = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) % 2 == 1
    # The share of all orders in which an input joins a subset of n others.
    shares = [factorial(n) * factorial(inputs - n - 1) / factorial(inputs) for n in range(inputs)]
    sizes = subsets.sum(axis=1)[:, None]
    joined, left = np.array([0.0, *shares])[sizes], np.array([*shares, 0.0])[sizes]
    values = value(subsets)
    return values[:, 0], values @ np.where(subsets, joined, -left)


def _knowing(
    forecaster: "Forecaster",
    students: Students,
    subsets: Mask,
    terms: int,
    columns: list[list[int]],
) -> Students:
    """Each student once per subset, with the other inputs replaced by averages."""
    asked = students[np.repeat(np.arange(len(students)), len(subsets))]
    shown = np.tile(subsets, (len(students), 1))
    grades, numbers = forecaster.averages()
    places = asked.grades.shape[1]
    # The group in `TERMS` of each term before the one to forecast: 0 for the last, and so on.
    of_term = np.minimum(np.arange(places - 1)[::-1], terms - 1)
    absent = np.zeros(asked.grades.shape, dtype=bool)
    absent[:, :-1] = ~shown[:, of_term]
    new_grades = np.where(absent & asked.known, grades[:places], asked.grades)
    new_codes, new_numbers, first = asked.codes.copy(), asked.numbers.copy(), asked.codes.shape[2]
    for place, group in enumerate(columns, terms):
        out = ~shown[:, place]
        for column in group:
            if column < first:
                new_codes[out, :, column] = UNKNOWN
            else:
                values = new_numbers[out, :, column - first]
                average = np.where(np.isnan(values), np.nan, numbers[column - first])
                new_numbers[out, :, column - first] = average
    return replace(asked, grades=new_grades, codes=new_codes, numbers=new_numbers)
