"""Forecasts out of fold: what is given of each part, and that test grades decide nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nextsem.forecaster.calibration import Calibration
from nextsem.students.students import Students
from nextsem.validation.baselines import BASELINES
from nextsem.validation.crossvalidation import forecast_parts
from nextsem.validation.folds import Part, folds, without_each
from tests.conftest import PARAMETERS, simulated

FEW = PARAMETERS.model.flexible.model_copy(update={"members": 2, "hidden": 8})
SMALL = {"members": 2, "hidden": 8, "layers": 1, "flexible": FEW}
MODEL = PARAMETERS.model.model_copy(update=SMALL)
TRAIN = PARAMETERS.train.model_copy(update={"epochs": 5, "validation_size": 0.5})
Found = tuple[pd.DataFrame, list[Calibration | None]]


def forecast(students: Students, parts: list[Part], **changes: float) -> Found:
    train = TRAIN.model_copy(update=changes)
    return forecast_parts(students, parts, MODEL, train, "College Code")


@pytest.fixture(scope="module")
def students() -> Students:
    return simulated(90, complete=False)


@pytest.fixture(scope="module")
def parts(students: Students) -> list[Part]:
    return [*folds(students, 3, 1, seed=0), *without_each(students, "College Code")[:2]]


@pytest.fixture(scope="module")
def found(students: Students, parts: list[Part]) -> Found:
    return forecast(students, parts)


def test_each_forecaster_forecasts_each_grade_that_has_one_before(
    students: Students, parts: list[Part], found: Found
) -> None:
    table, calibrations = found
    assert len(calibrations) == len(parts)
    members = [f"member_{number}" for number in range(1, 5)]  # two of each kind
    expected = ["half_1", "half_2", "network", *BASELINES, "linear_sd", "spread", *members]
    assert list(table.columns[-len(expected) :]) == expected
    assert np.isfinite(table[expected]).all(axis=None)
    for place, part in enumerate(parts):
        rows = table[table["part"] == place]
        assert len(rows) == students[part.test].to_learn.sum()
        assert set(rows["student"]) == set(part.test)
        assert set(zip(rows["kind"], rows["label"], strict=True)) == {(part.kind, part.label)}
        assert (rows["repeat"] == part.repeat).all()
        assert (rows["fold"] == part.fold).all()
    np.testing.assert_array_equal(table["actual"], students.grades[table["student"], table["term"]])
    assert (table["known"] == table["term"]).all()  # the tested students have no gaps
    assert (table["network"] >= table[members].min(axis=1)).all()
    assert (table["network"] <= table[members].max(axis=1)).all()
    halves = table[["half_1", "half_2"]]
    np.testing.assert_allclose(table["network"], halves.mean(axis=1))


def test_the_headline_is_the_last_semester_or_all_terms(students: Students, found: Found) -> None:
    assert (found[0]["headline"] == (found[0]["term"] == 4)).all()
    long = replace(students, schema=replace(students.schema, layout="long"))
    table, _ = forecast(long, folds(long, 2, 1, seed=0), epochs=1)
    assert table["headline"].all()
    assert set(table["term"]) == {1, 2, 3, 4}


def test_tested_grades_decide_nothing(students: Students, parts: list[Part], found: Found) -> None:
    """With other last grades of those to be forecast, all else stays as it was."""
    other = replace(students, grades=students.grades.copy())
    other.grades[parts[0].test, -1] = 0
    table, calibrations = forecast(other, parts[:1])
    before = found[0][found[0]["part"] == 0]
    assert calibrations[0] == found[1][0]
    pd.testing.assert_frame_equal(table.drop(columns="actual"), before.drop(columns="actual"))
