"""The simulated cohort as transcripts: the same grades, students at every point of their studies."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem.simulation import cohort
from nextsem.simulation.transcripts import TERMS, simulate


@settings(max_examples=40, deadline=None)
@given(students=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
def test_any_cohort_is_sound(students: int, seed: int) -> None:
    rows = simulate(students, seed)
    assert rows["Student"].nunique() == students
    assert not rows.duplicated(["Student", "Term"]).any()
    # Terms follow one another, from one of entry on; after the last grade there is no row.
    place = rows["Term"].map(TERMS.index)
    assert (place.groupby(rows["Student"]).diff().dropna() == 1).all()
    assert rows.groupby("Student").size().max() <= len(cohort.SEMESTERS)
    last = rows.groupby("Student").tail(1)
    assert last["Grade"].notna().sum() == rows.dropna(subset="Grade")["Student"].nunique()


def test_grades_are_those_of_the_wide_cohort() -> None:
    wide, rows = cohort.simulate(500, 3), simulate(500, 3)
    semester = rows.groupby("Student").cumcount()
    long = rows.assign(semester=semester).pivot(index="Student", columns="semester", values="Grade")
    roll = wide["Roll"].fillna(wide["Roll no."]).astype(int).astype(str)
    grades = wide[list(cohort.SEMESTERS)].set_axis(wide["College Code"].astype(str) + "-" + roll)
    found = long.to_numpy()
    expected = grades.loc[long.index].to_numpy()
    known = np.isfinite(found)
    assert (found[known] == expected[known]).all()


def test_students_are_at_every_point_of_their_studies() -> None:
    rows = simulate(2_000, 1)
    done = rows.dropna(subset="Grade").groupby("Student").size()
    assert set(done) == {1, 2, 3, 4, 5}
    assert done.value_counts(normalize=True).min() > 0.05
    newest = rows.loc[rows["Term"] == TERMS[-1], "Student"]
    assert 0.3 < len(newest) / 2_000 < 0.7  # the others have ended or left
    assert rows["Grade"].isna().any()
    assert set(rows["Credits"]) == {20, 22, 24, 26}


def test_the_same_seed_gives_the_same_rows() -> None:
    pd.testing.assert_frame_equal(simulate(178, 5), simulate(178, 5))
