"""What is remarkable about another table, and what is not."""

import json
from dataclasses import asdict, replace

import numpy as np

from nextsem.advice.drift import drift
from nextsem.forecaster.profile import Profile
from nextsem.students.students import Students
from tests.advice.fake import Mean, cohort

FORECASTER = Mean(cohort(800))


def told(students: Students) -> list[str]:
    return drift(FORECASTER.profile, students, FORECASTER.unknown_categories(students))


def test_the_same_students_some_or_none_of_them_are_no_drift() -> None:
    students = cohort(800)
    for some in (students, students[::7], students[:0], students.until(2), students.until(0)):
        assert told(some) == []


def test_a_shifted_mean_is_told_and_a_small_or_chance_one_is_not() -> None:
    students = cohort(800)[::3]
    seen = cohort(800).grades[:, 1]
    for shift, sentences in ((-0.7, 1), (0.1, 0)):
        grades = students.grades.copy()
        grades[:, 1] = np.clip(grades[:, 1] + shift, seen.min(), seen.max())
        found = told(replace(students, grades=grades))
        assert len(found) == sentences
        for each in found:
            assert each == (
                f"grade 2nd: mean {grades[:, 1].mean():.2f} of {len(students)} students; in training "
                f"{seen.mean():.2f} of {len(seen)}"
            )
    above = seen > seen.mean() + 0.5
    few = cohort(800)[np.flatnonzero(above)[:2]]
    assert not [each for each in told(few) if each.startswith("grade 2nd: mean")]


def test_grades_and_numbers_far_outside_are_told() -> None:
    students = cohort(800)
    students.grades[5, 0] = 0
    students.numbers[6] = 200
    first, second = told(students)
    assert first.startswith("grade 1st: from 0 to ")
    assert second.startswith("Attendance: from ")
    assert " to 200; in training from 5" in second


def test_new_categories_are_told_and_missing_ones_are_none() -> None:
    students = cohort(800)
    students.codes[0] = -1
    assert told(students) == []
    names = [f"9{number}" for number in range(7)]
    students = replace(students, vocabulary=[[*students.vocabulary[0], *names]])
    students.codes[:7] = np.arange(4, 11)[:, None, None]
    assert told(students) == ["College: 90, 91, 92, 93, 94 and 2 more not in the training data"]


def test_a_profile_comes_back_from_json_and_leaves_out_what_has_no_value() -> None:
    students = cohort(50).until(2)
    students.numbers[:] = np.nan
    profile = Profile.of(students)
    assert list(profile.columns) == ["grade 1st", "grade 2nd"]
    assert Profile(**json.loads(json.dumps(asdict(profile)))) == profile
