"""The simulated cohort as transcripts: several years of entry, a row for each student and term.

A student starts in one of eight terms, two a year, and takes one semester per term from then on, at
most five. The table ends with the last of these eight terms, so there are students at every stage
of their studies. Grades are those of `cohort`. A missing semester is a row without a grade if a
grade comes after it; otherwise it has no row.

Years of entry and credits are drawn at random, so they say nothing about the grades, unlike real
ones.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nextsem.simulation import cohort

FIRST_YEAR = 2019
TERMS = [f"{FIRST_YEAR + year}-{half}" for year in range(4) for half in (1, 2)]
CREDITS = (20, 22, 24, 26)


def blocks(students: int, seed: int) -> Iterator[pd.DataFrame]:
    """Simulate transcripts a block of students at a time, so that memory does not limit them.

    The parameters are those of `cohort.blocks`.

    Yields
    ------
    pandas.DataFrame
        Rows of at most 100,000 students, by student and term, with the columns Student, Term, Grade
        (grade points, NaN where missing), College Code, Gender and Credits. Each student has at
        least one row.
    """
    for number, wide in enumerate(cohort.blocks(students, seed), 1):
        yield _rows(wide, np.random.default_rng([seed, number]))


def simulate(students: int, seed: int) -> pd.DataFrame:
    """Simulate all transcripts: the `blocks` of the same arguments, joined."""
    return pd.concat(list(blocks(students, seed)), ignore_index=True)


def _rows(wide: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """The transcript rows of a block of students, from their wide table."""
    entered = generator.integers(0, len(TERMS), len(wide))
    earned = generator.choice(CREDITS, (len(wide), len(cohort.SEMESTERS)))

    grades = wide[list(cohort.SEMESTERS)].to_numpy()
    semester = np.arange(len(cohort.SEMESTERS))
    term = entered[:, None] + semester
    graded = np.isfinite(grades) & (term < len(TERMS))
    last = (graded * semester).max(axis=1)
    student, semester = np.nonzero(semester <= last[:, None])

    of_row = wide.iloc[student]
    roll = of_row["Roll"].fillna(of_row["Roll no."]).astype(int).astype(str)
    return pd.DataFrame(
        {
            "Student": (of_row["College Code"].astype(str) + "-" + roll).to_numpy(),
            "Term": np.array(TERMS)[term[student, semester]],
            "Grade": grades[student, semester],
            "College Code": of_row["College Code"].to_numpy(),
            "Gender": of_row["Gender"].to_numpy(),
            "Credits": earned[student, semester],
        }
    )
