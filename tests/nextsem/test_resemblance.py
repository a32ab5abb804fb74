"""What is remarkable about another table, and what is not."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from nextsem.resemblance import Profile
from nextsem.students import Students
from tests.conftest import PARAMETERS, simulated

DATA = PARAMETERS.data


def profile(students: Students, numeric: tuple[str, ...] = ()) -> Profile:
    return Profile.of(students, DATA.semesters, DATA.static, numeric)


@pytest.fixture(scope="module")
def trained() -> Profile:
    return profile(simulated(800))


def test_the_same_table_and_a_part_of_it_differ_in_nothing(trained: Profile) -> None:
    students = simulated(800)
    assert trained.differences(profile(students)) == []
    assert trained.differences(profile(students[::7])) == []
    assert trained.differences(profile(students[:0])) == []
    assert trained.differences(profile(students.knowing(np.zeros(5, dtype=bool)))) == []


def test_a_shifted_mean_is_told(trained: Profile) -> None:
    students = simulated(800)[::3]
    seen = simulated(800).grades[:, 1]
    students.grades[:, 1] = np.clip(students.grades[:, 1] - 0.7, seen.min(), seen.max())
    (told,) = trained.differences(profile(students))
    assert told == (
        f"2nd: mean {students.grades[:, 1].mean():.2f}; trained on {seen.mean():.2f} "
        f"({len(students)} and {len(seen)} students)"
    )


def test_a_mean_that_chance_explains_is_not(trained: Profile) -> None:
    students = simulated(800)
    spread = students.grades[:, 1].std()
    # Four students, whose mean is one spread off: two standard errors.
    nearest = np.argsort(np.abs(students.grades[:, 1] - students.grades[:, 1].mean() - spread))
    few = students[nearest[:4]].knowing(np.array([False, True, False, False, False]))
    assert trained.differences(profile(few)) == []
    many = students[nearest[:16]].knowing(np.array([False, True, False, False, False]))
    assert len(trained.differences(profile(many))) == 1


def test_a_shift_too_small_to_matter_is_not() -> None:
    students = simulated(4000)
    shifted = replace(students, grades=students.grades + 0.15)
    shifted.grades[:] = shifted.grades.clip(
        students.grades.min(axis=0), students.grades.max(axis=0)
    )
    assert profile(students).differences(profile(shifted)) == []


def test_grades_that_were_never_seen_are_told(trained: Profile) -> None:
    students = simulated(800)
    students.grades[5, 0] = 10
    low, high = simulated(800).grades[:, 0].min(), simulated(800).grades[:, 0].max()
    assert trained.differences(profile(students)) == [
        f"1st: from {low:g} to 10; trained on {low:g} to {high:g}"
    ]


def test_new_categories_are_told_and_missing_ones_are_none(trained: Profile) -> None:
    students = simulated(800)
    students.static[0] = ""
    assert trained.differences(profile(students)) == []
    names = [f"9{number}" for number in range(7)]
    students.static[:7, 0] = names
    assert trained.differences(profile(students)) == [
        "College Code: 90, 91, 92, 93, 94 and 2 more; not among those trained on"
    ]


def test_numeric_columns_count_too() -> None:
    students = simulated(100)
    here = replace(students, numeric=np.linspace(40, 100, len(students))[:, None])
    there = replace(students, numeric=np.linspace(0, 60, len(students))[:, None])
    told = profile(here, ("Attendance",)).differences(profile(there, ("Attendance",)))
    assert [each.split(":")[0] for each in told] == ["Attendance", "Attendance"]


def test_a_column_without_a_value_has_no_profile() -> None:
    students = simulated(50).knowing(np.array([True, False, True, True, True]))
    assert list(asdict(profile(students))["quantities"]) == ["1st", "3rd", "4th", "5th"]
    assert profile(simulated(50)).differences(profile(students)) == []
    assert profile(students).differences(profile(simulated(50))) == []
