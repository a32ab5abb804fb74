"""A simulated cohort that looks like the published table of semester results.

It holds no real grades. Each student has a latent ability, constant from the start, and a latent
drift, which acts from the 2nd semester on: both standard normal and independent. The grade of
student i, of college c, in semester t is

    grade[i, t] = mean[c, t] + ability_loading[t] * ability[i] + drift_loading[t] * drift[i]
                  + noise[c, t] * normal[i, t]

rounded to two decimals and clipped to 0 ... 10. Drift grows from semester to semester, so those
closer in time are more alike; each semester has noise of its own, that of the 5th depending on the
college. This is a latent growth curve (McArdle and Epstein, Child Development 58, 1987).

The means are those of the published colleges. Loadings and noise were fitted by least squares (the
1st semester's noise held at 0.2 or more), so that standard deviations, correlations and the
residuals of a linear regression are those of the published table. All these are in grade points.

Gaps and gender are spread at random, so they say nothing about the grades, unlike real ones.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEMESTERS = ("1st", "2nd", "3rd", "4th", "5th")
GRADE_RANGE = (0.0, 10.0)

ABILITY_LOADING = np.array([0.74, 0.71, 0.74, 0.79, 0.72])
DRIFT_LOADING = np.array([0.0, 0.22, 0.34, 0.57, 0.59])
NOISE_BEFORE_LAST = (0.20, 0.42, 0.40, 0.34)


class College(NamedTuple):
    """One college: its statistics and spellings in the published table."""

    code: int
    students: int
    subject: int
    man: str
    woman: str
    roll_column: str
    means: tuple[float, ...]
    noise_in_last: float


# In the order of the table's rows.
COLLEGES = (
    College(115, 46, 16, "Male", "Female", "Roll no.", (7.40, 6.93, 6.70, 7.24, 7.53), 0.23),
    College(165, 46, 16, "M", "F", "Roll", (6.90, 7.05, 6.73, 6.99, 7.67), 0.48),
    College(116, 51, 16, "Male", "Female", "Roll", (6.99, 6.88, 6.40, 7.01, 7.48), 0.30),
    College(241, 35, 28, "M", "F", "Roll", (7.04, 7.02, 6.80, 6.90, 7.13), 0.47),
)

# Every college numbers from here, so a roll number alone is not unique.
FIRST_ROLL = 17001

# The counts below are out of this many students.
TABLE_STUDENTS = sum(college.students for college in COLLEGES)
WOMEN = 28
INCOMPLETE = (  # the semesters missing, and from how many students
    (("5th",), 3),
    (("2nd",), 1),
    (("4th",), 2),
    (("2nd", "3rd", "4th", "5th"), 1),
    (("1st", "2nd", "4th", "5th"), 1),
    (SEMESTERS, 1),
)

# A multiple of the table's size, so that only the last block rounds its counts.
BLOCK_STUDENTS = 561 * TABLE_STUDENTS


def blocks(students: int, seed: int) -> Iterator[pd.DataFrame]:
    """Simulate a cohort a block at a time, so that its size is not bounded by memory.

    Parameters
    ----------
    students : int
        Size of the cohort, at least 1.
    seed : int
        Not negative. The rows of the same `students` and `seed` are always the same.

    Yields
    ------
    pandas.DataFrame of shape (at most 100,000, 10)
        Consecutive rows with the published table's columns, indexed by their position in the
        cohort. Grades are in grade points, NaN where missing. Each college's students are
        contiguous; gaps and women have the published proportions in each block.
    """
    if students < 1:
        raise ValueError(f"students = {students}: a cohort has at least 1")
    starts = range(0, students, BLOCK_STUDENTS)
    for start, stream in zip(starts, np.random.SeedSequence(seed).spawn(len(starts)), strict=True):
        rows = np.arange(start, min(start + BLOCK_STUDENTS, students))
        yield _block(rows, students, np.random.default_rng(stream))


def simulate(students: int, seed: int) -> pd.DataFrame:
    """Simulate a whole cohort: the `blocks` of the same arguments, joined.

    Returns
    -------
    pandas.DataFrame of shape (students, 10)
        Grades in grade points, NaN where missing.
    """
    return pd.concat(list(blocks(students, seed)))


def _block(rows: NDArray[np.int64], students: int, generator: np.random.Generator) -> pd.DataFrame:
    """Return these rows, given by their positions in a cohort of `students`."""
    college_ends = _share(np.cumsum([college.students for college in COLLEGES]), students)
    college_index = np.searchsorted(college_ends, rows, side="right")

    grades = _grades(college_index, generator)
    _remove(grades, generator)
    recorded = np.any(np.isfinite(grades), axis=1)

    roll = FIRST_ROLL + rows - np.append(0, college_ends)[college_index]
    roll_column = np.array([college.roll_column for college in COLLEGES])[college_index]
    return pd.DataFrame(
        {
            **dict(zip(SEMESTERS, grades.T, strict=True)),
            "College Code": np.array([college.code for college in COLLEGES])[college_index],
            "Gender": _gender(college_index, recorded, generator),
            "Roll": np.where(roll_column == "Roll", roll, np.nan),
            "Roll no.": np.where(roll_column == "Roll no.", roll, np.nan),
            "Subject Code": np.array([college.subject for college in COLLEGES])[college_index],
        },
        index=pd.RangeIndex(rows[0], rows[-1] + 1),
    )


def _grades(college_index: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return grades of shape (students, semesters), for students of these colleges."""
    mean = np.array([college.means for college in COLLEGES])
    noise = np.array([(*NOISE_BEFORE_LAST, college.noise_in_last) for college in COLLEGES])
    ability: NDArray[np.float64] = generator.standard_normal((len(college_index), 1))
    drift = generator.standard_normal((len(college_index), 1))
    # No matrix product: its last bits would depend on the processor.
    grades = mean[college_index] + ABILITY_LOADING * ability + DRIFT_LOADING * drift
    grades += noise[college_index] * generator.standard_normal((len(college_index), len(SEMESTERS)))
    return np.clip(np.round(grades, 2), *GRADE_RANGE)


def _remove(grades: NDArray[np.float64], generator: np.random.Generator) -> None:
    """Set the grades that incomplete rows lack to NaN, in place."""
    counts = _share(np.array([count for _, count in INCOMPLETE]), len(grades))
    incomplete = generator.choice(len(grades), counts.sum(), replace=False)
    kinds = np.split(incomplete, np.cumsum(counts)[:-1])
    for rows, (missing, _) in zip(kinds, INCOMPLETE, strict=True):
        for semester in missing:
            grades[rows, SEMESTERS.index(semester)] = np.nan


def _gender(
    college_index: NDArray[np.intp], recorded: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.object_]:
    """Return each student's gender in the college's spelling; None for those with no grade."""
    woman = np.zeros(len(college_index), dtype=int)
    women = _share(np.array(WOMEN), len(college_index))
    woman[generator.choice(np.flatnonzero(recorded), women, replace=False)] = 1
    spellings = np.array([(college.man, college.woman) for college in COLLEGES], dtype=object)
    gender: NDArray[np.object_] = spellings[college_index, woman]
    gender[~recorded] = None
    return gender


def _share(counts: NDArray[np.int64], students: int) -> NDArray[np.int64]:
    """Scale `counts` out of TABLE_STUDENTS to counts out of `students`, rounded."""
    return (counts * students + TABLE_STUDENTS // 2) // TABLE_STUDENTS
