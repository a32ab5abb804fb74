"""Which rows each part trains on and forecasts, and what comes of them."""

from dataclasses import replace

import numpy as np
import pytest

from nextsem.crossvalidation import Forecasts, Part, folds, forecast_parts, without_each
from nextsem.params import Params
from nextsem.students import Students
from tests.conftest import PARAMETERS, simulated

QUICK: Params = PARAMETERS.model_copy(
    update={
        "model": PARAMETERS.model.model_copy(update={"members": 2, "hidden": 8, "layers": 1}),
        "train": PARAMETERS.train.model_copy(update={"epochs": 20, "validation_size": 0.5}),
        "crossvalidate": PARAMETERS.crossvalidate.model_copy(update={"folds": 3, "repeats": 2}),
    }
)


def with_gap(number: int = 60) -> Students:
    students = simulated(number, seed=5)
    students.grades[:, 1] = np.nan
    return students


def test_every_student_is_forecast_once_a_repeat() -> None:
    students, incomplete = simulated(), with_gap()
    parts = folds(students, incomplete, QUICK)
    assert len(parts) == 6
    for repeat in (parts[:3], parts[3:]):
        tested = np.concatenate([part.test for part in repeat])
        assert sorted(tested) == list(range(len(students)))
    for part in parts:
        assert sorted([*part.train, *part.test]) == list(range(len(students)))
        assert part.incomplete.tolist() == list(range(len(incomplete)))


def test_nobody_of_a_category_left_out_is_learnt_from() -> None:
    students, incomplete = simulated(), with_gap()
    parts = without_each(students, incomplete, 0)
    assert list(parts) == ["115", "116", "165", "241"]
    for college, part in parts.items():
        assert set(students.static[part.test, 0]) == {college}
        for learnt in (students.static[part.train, 0], incomplete.static[part.incomplete, 0]):
            assert college not in learnt
        assert len(part.train) + len(part.test) == len(students)


def test_one_category_cannot_be_left_out() -> None:
    students = simulated()
    students.static[:] = "115"
    assert without_each(students, with_gap(), 0) == {}


@pytest.fixture(scope="module")
def found() -> tuple[Students, list[Part], Forecasts]:
    students = simulated(178)
    parts = folds(students, students[:0], QUICK)
    return students, parts, forecast_parts(students, students[:0], parts, QUICK)


def test_everything_is_forecast_for_each_part(
    found: tuple[Students, list[Part], Forecasts],
) -> None:
    _, parts, forecasts = found
    for each in (*forecasts.grades.values(), *forecasts.risks.values()):
        assert [len(values) for values in each] == [len(part.test) for part in parts]
        assert all(np.isfinite(values).all() for values in each)
    for part, ranges, grades in zip(
        parts, forecasts.ranges, forecasts.grades["network"], strict=True
    ):
        assert ranges.shape == (len(part.test), 2)
        assert ((ranges[:, 0] < grades) & (grades < ranges[:, 1])).all()
    assert all(inside > 0 for inside in forecasts.inside)
    assert set(forecasts.risks) == {"network", "linear", "base"}


def test_test_rows_decide_nothing(found: tuple[Students, list[Part], Forecasts]) -> None:
    """With other last grades of those to be forecast, all stays as it was."""
    students, parts, _ = found
    other = replace(students, grades=students.grades.copy())
    other.grades[parts[0].test, -1] = 0
    again = forecast_parts(other, students[:0], parts[:1], QUICK)
    alone = forecast_parts(students, students[:0], parts[:1], QUICK)
    for name, each in alone.grades.items():
        np.testing.assert_array_equal(again.grades[name][0], each[0])
    np.testing.assert_array_equal(again.ranges[0], alone.ranges[0])
    for name, each in alone.risks.items():
        np.testing.assert_array_equal(again.risks[name][0], each[0])
    assert again.inside == alone.inside


def test_ranges_and_risks_hold_out_of_fold(
    found: tuple[Students, list[Part], Forecasts],
) -> None:
    students, parts, forecasts = found
    actual = np.concatenate([students.target[part.test] for part in parts])
    low, high = np.concatenate(forecasts.ranges).T
    assert 0.85 <= ((actual >= low) & (actual <= high)).mean() <= 0.96
    happened = actual < QUICK.line
    score = {
        name: np.mean((np.concatenate(each) - happened) ** 2)
        for name, each in forecasts.risks.items()
    }
    assert score["network"] < score["base"]
