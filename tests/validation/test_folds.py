"""Who is forecast by forecasters that were trained on whom."""

from dataclasses import replace

import numpy as np
import pytest

from nextsem.shared.errors import InputError
from nextsem.students.students import Students
from nextsem.validation.folds import folds, without_each
from tests.conftest import simulated


def transcripts() -> Students:
    """Students of transcripts: each with 0 to 5 grades, some of whom change the college."""
    students = simulated(120).until(np.arange(len(simulated(120))) % 6)
    codes = students.codes.copy()
    codes[::7, 3:] = (codes[::7, 3:] + 1) % 4
    return replace(students, codes=codes, schema=replace(students.schema, layout="long"))


@pytest.mark.parametrize("students", [simulated(178, complete=False), transcripts()])
def test_every_student_that_can_be_tested_is_forecast_once_a_repeat(students: Students) -> None:
    parts = folds(students, 5, 2, seed=0)
    assert [(part.repeat, part.fold) for part in parts] == [
        (repeat, fold) for repeat in (1, 2) for fold in (1, 2, 3, 4, 5)
    ]
    for repeat in (parts[:5], parts[5:]):
        forecast = np.sort(np.concatenate([part.test for part in repeat]))
        np.testing.assert_array_equal(forecast, np.flatnonzero(students.testable))
    for part in parts:  # all others teach, those who are never tested among them
        everyone = np.sort(np.concatenate([part.train, part.test]))
        np.testing.assert_array_equal(everyone, np.arange(len(students)))


def test_only_students_with_something_to_forecast_are_tested() -> None:
    wide, long = simulated(178, complete=False), transcripts()
    assert np.isfinite(wide.grades[wide.testable]).all()
    assert not np.isfinite(wide.grades[~wide.testable]).all(axis=1).any()
    assert (long.testable == long.to_learn.any(axis=1)).all()


def test_too_few_students_are_refused() -> None:
    with pytest.raises(InputError, match=r"crossvalidate\.folds is 5: the table has 9 students"):
        folds(simulated()[:9], 5, 1, seed=0)


@pytest.mark.parametrize("students", [simulated(178, complete=False), transcripts()])
def test_nobody_who_ever_had_the_category_left_out_teaches(students: Students) -> None:
    parts = without_each(students, "College Code")
    assert [part.label for part in parts] == ["115", "116", "165", "241"]
    for code, part in enumerate(parts):
        assert (students.codes[part.train] != code).all()
        assert set(students.category("College Code")[part.test]) == {part.label}
        assert students.testable[part.test].all()


def test_the_ten_largest_categories_are_left_out() -> None:
    students = simulated(178)
    codes = np.arange(len(students)) % 13
    codes[codes > 9] = np.where(np.arange((codes > 9).sum()) % 2, 10, 11)
    codes[:3] = 12
    varied = replace(
        students,
        codes=np.broadcast_to(codes[:, None, None], students.codes.shape).astype(np.int32),
        vocabulary=[[f"{each:02}" for each in range(13)]],
    )
    parts = without_each(varied, "College Code")
    sizes = np.bincount(codes)
    assert len(parts) == 10
    assert min(len(part.test) for part in parts) >= np.sort(sizes)[3]
    assert "12" not in {part.label for part in parts}


def test_a_single_category_cannot_be_left_out() -> None:
    students = simulated()
    students.codes[:] = 0
    assert without_each(students, "College Code") == []
