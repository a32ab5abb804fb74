"""What is remarkable about another table, and what is not."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from nextsem.advice.drift import COLUMN, PSI, READING, drift, in_words
from nextsem.forecaster.profile import LEAST, Profile
from nextsem.students.students import Students
from tests.advice.fake import Mean, cohort

FORECASTER = Mean(cohort(800))
FORWARD = {"origins": {"2019": {"network": 0.36}, "2020": {"network": 0.25}}}


def told(students: Students, forward: dict | None = None) -> list[str]:
    profile, unknown = FORECASTER.profile, FORECASTER.unknown_categories(students)
    return in_words(drift(profile, students), profile, students, unknown, forward or {})


def shifted(students: Students, by: float) -> Students:
    """The same students, with other grades in the 2nd term."""
    grades = students.grades.copy()
    grades[:, 1] = (grades[:, 1] + by).clip(4.5, 9)  # which are usual grades
    return replace(students, grades=grades)


def test_the_same_students_some_or_none_of_them_are_no_drift() -> None:
    students = cohort(800)
    for some in (students, students[::7], students[:3], students[:0], students.until(2)):
        assert told(some) == []


def test_chance_alone_is_seldom_called_drift() -> None:
    """For all columns of a table together, in one of twenty tables at most."""
    for number in (30, 300):
        tables = [drift(FORECASTER.profile, cohort(number, seed=seed)) for seed in range(2, 62)]
        alarms = [table[READING].isin(["moderate", "large"]).any() for table in tables]
        assert np.mean(alarms) <= 0.1


@pytest.mark.parametrize(("by", "reading"), [(-0.05, "none"), (-0.35, "moderate"), (-0.8, "large")])
def test_a_shift_is_told_by_its_size(by: float, reading: str) -> None:
    students = shifted(cohort(800), by)
    table = drift(FORECASTER.profile, students).set_index(COLUMN)
    assert table[READING].to_dict() == dict.fromkeys(table.index, "none") | {"grade 2nd": reading}
    found = told(students, FORWARD)
    assert bool(found) == (reading != "none")
    if found:
        means = (own.grades[:, 1].mean() for own in (students, cohort(800)))
        said = "mean {:.2f}, in training {:.2f}".format(*means)
        assert found[0].startswith(f"grade 2nd: {reading}, of 800 students: {said} (population ")
        assert "retrain" in found[1]
    expected = "the typical miss of the last point in time, 0.50 grade points in 2020, is no longer"
    assert any(each.startswith(expected) for each in found) == (reading == "large")


def test_the_index_by_hand() -> None:
    """One half of the students is left, that with the better grades."""
    students = cohort(800)
    better = students[students.grades[:, 0] >= np.median(students.grades[:, 0])]
    row = drift(FORECASTER.profile, better).set_index(COLUMN).loc["grade 1st"]
    assert row["Kolmogorov-Smirnov"] == pytest.approx(0.5, abs=0.01)
    shares = np.repeat([0.5 / 405, 80.5 / 405], 5)
    assert row[PSI] == pytest.approx(((shares - 0.1) * np.log(shares / 0.1)).sum(), rel=0.05)


def test_grades_and_numbers_far_outside_are_told() -> None:
    students = cohort(800)
    students.grades[5, 0] = 0
    students.numbers[6] = 200
    first, second, advice = told(students)
    assert first.startswith("grade 1st: 1 far outside, such as 0; in training from about ")
    assert second.startswith("Attendance: 1 far outside, such as 200; in training from about 5")
    assert advice.startswith("what to do: ")


def test_categories_that_are_new_or_more_frequent_are_told_and_missing_ones_are_not_new() -> None:
    students = cohort(800)
    students.codes[0] = -1
    assert told(students) == []
    names = [f"9{number}" for number in range(7)]
    students = replace(students, vocabulary=[[*students.vocabulary[0], *names]])
    students.codes[:7] = np.arange(4, 11)[:, None, None]
    assert told(students)[0] == (
        "College: 90, 91, 92, 93, 94 and 2 more not in the training data, of 7 students"
    )
    students.codes[:500] = 2
    assert told(students)[0].startswith("College: large, of 800 students: 165 7")


def test_a_profile_comes_back_from_json_and_tells_no_single_students_value() -> None:
    students = cohort(50).until(2)
    students.numbers[:] = np.nan
    students.grades[0, 0] = 9.87
    students.codes[:2] = 3
    students.codes[2:] = np.minimum(students.codes[2:], 1)
    profile = Profile.of(students)
    assert list(profile.numbers) == ["grade 1st", "grade 2nd"]
    text = json.dumps(asdict(profile))
    assert TypeAdapter(Profile).validate_python(json.loads(text)) == profile
    assert "9.87" not in text
    assert profile.categories["College"]["others"] == pytest.approx(2 / 50)
    for own in profile.numbers.values():
        assert len(own.shares) == len(own.edges) + 1 > 5
        assert min(own.shares) * own.count >= LEAST - 1e-9
