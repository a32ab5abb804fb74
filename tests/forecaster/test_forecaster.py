"""What a forecaster does around the networks: terms, categories, members, saving."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem.forecaster.fitting import fit_forecasters
from nextsem.forecaster.forecaster import Forecaster
from nextsem.shared.errors import InputError
from nextsem.simulation import cohort
from nextsem.students.students import UNKNOWN, Students
from tests.conftest import PARAMETERS, simulated, with_grades

FEW = PARAMETERS.model.flexible.model_copy(update={"members": 3, "hidden": 8})
SMALL = {"members": 3, "hidden": 8, "layers": 1, "flexible": FEW}
MODEL = PARAMETERS.model.model_copy(update=SMALL)
TRAIN = PARAMETERS.train.model_copy(update={"epochs": 40, "validation_size": 0.34})
TERMS = list(cohort.SEMESTERS)


def students(count: int = 80, seed: int = 1, unfinished: bool = False) -> Students:
    """The simulated cohort; `unfinished`, students at every point of their studies, with gaps."""
    found = simulated(count, seed, complete=False)
    if unfinished:
        random = np.random.default_rng(seed)
        known = random.integers(1, len(TERMS) + 1, (count, 1))
        found.grades[np.arange(len(TERMS)) >= known] = np.nan
        found.grades[random.random(found.grades.shape) < 0.05] = np.nan
    numbers = np.random.default_rng(seed).normal(20, 5, (count, 1, 1)).repeat(len(TERMS), axis=1)
    return replace(found, schema=replace(found.schema, numbers=["Credits"]), numbers=numbers)


def fitted(of: Students, seed: int = 1, **changes: object) -> Forecaster:
    train = TRAIN.model_copy(update=changes)
    return fit_forecasters([of], [seed], MODEL, train, "College Code")[0].forecaster


def same_next(forecaster: Forecaster, one: Students, other: Students) -> None:
    np.testing.assert_array_equal(*(forecaster.predict_next(each)[0] for each in (one, other)))


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return fitted(students(unfinished=True))


def test_forecasts_are_better_than_a_copy_of_the_last_grade() -> None:
    trained, asked = fitted(students(300)), students(300, seed=2)
    asked = asked[np.flatnonzero(asked.complete)]
    errors = trained.predict(asked).forecasts[:, 1:] - asked.grades[:, 1:]
    copies = asked.grades[:, :-1] - asked.grades[:, 1:]
    assert (np.mean(errors**2, axis=0) < np.mean(copies**2, axis=0)).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), terms=st.integers(1, len(TERMS) - 1))
def test_a_student_cut_off_after_a_term_gets_the_forecast_of_the_next(
    seed: int, terms: int, forecaster: Forecaster
) -> None:
    """Whatever comes after: no grade of a later term moves a forecast."""
    asked = students(12, seed, unfinished=True)
    cut = asked.until(terms)
    np.testing.assert_array_equal(
        forecaster.predict(asked).forecasts[:, : terms + 1],
        forecaster.predict(cut).forecasts[:, : terms + 1],
    )
    rows = np.flatnonzero(cut.next_term == terms)
    np.testing.assert_array_equal(
        forecaster.predict_next(cut)[0][rows], forecaster.predict(asked).forecasts[rows, terms]
    )


def test_a_forecast_does_not_depend_on_the_other_students(forecaster: Forecaster) -> None:
    asked = students(600, seed=3, unfinished=True)
    whole = forecaster.predict(asked).members
    for rows in (slice(0, 1), slice(100, 500), slice(599, 600)):
        part = forecaster.predict(asked[rows]).members
        np.testing.assert_array_equal(part, whole[:, rows])


def test_a_table_with_fewer_terms_is_one_with_terms_to_come(forecaster: Forecaster) -> None:
    asked = students(20, seed=3, unfinished=True).until(2)
    parts = ("grades", "codes", "numbers", "times")
    short = replace(asked, **{part: getattr(asked, part)[:, :2] for part in parts})
    same_next(forecaster, short, asked)


def test_who_has_no_grade_or_no_term_to_come_is_not_forecast(forecaster: Forecaster) -> None:
    asked = students(10, seed=4)
    asked.grades[0] = np.nan
    forecasts = forecaster.predict_next(asked)[0]
    assert np.isnan(forecasts[0])
    assert np.isnan(forecasts[asked.complete]).all()
    assert np.isnan(forecaster.predict(asked).forecasts[:, 0]).all()


def test_a_new_category_is_said_and_counts_as_the_average_one(forecaster: Forecaster) -> None:
    asked = students(10, seed=4).until(3)
    new = replace(asked, vocabulary=[["116", "117", "118", "119"]])
    known = asked.codes[:, 0, 0] == asked.vocabulary[0].index("116")
    moved = replace(new, codes=np.where(known[:, None, None], 0 * asked.codes, 1))
    assert forecaster.unknown_categories(moved)[:, 0].tolist() == (~known).tolist()
    missing = replace(asked, codes=np.where(known[:, None, None], asked.codes, UNKNOWN))
    assert not forecaster.unknown_categories(missing).any()
    same_next(forecaster, moved, missing)


def test_what_a_category_is_called_and_its_order_change_nothing(forecaster: Forecaster) -> None:
    asked = students(10, seed=4).until(3)
    order = [3, 1, 0, 2]
    names = [[asked.vocabulary[0][place] for place in order]]
    codes = np.argsort(order)[asked.codes].astype(np.int32)
    shuffled = replace(asked, vocabulary=names, codes=codes)
    same_next(forecaster, shuffled, asked)


def test_what_is_known_ahead_counts_for_the_term_that_is_forecast_and_nothing_else_does() -> None:
    """Credits planned for the term are seen; those of a term that is not over are not."""
    asked = students(60)
    numbers = np.random.default_rng(0).normal(size=asked.numbers.shape)
    asked.grades[:, 1:] += numbers[:, 1:, 0] + numbers[:, :-1, 0]  # so that they tell something
    ahead = replace(asked, numbers=numbers, schema=replace(asked.schema, ahead=["Credits"]))
    after = replace(asked, numbers=numbers)
    changed = numbers.copy()
    changed[:, 3] += 5
    for of, first in ((ahead, 3), (after, 4)):
        trained = fitted(of)
        before, now = (
            np.nan_to_num(trained.predict(each).forecasts)
            for each in (of, replace(of, numbers=changed))
        )
        moved = np.flatnonzero((before != now).any(axis=0))
        assert moved.tolist() == list(range(first, len(TERMS)))


def test_forecasts_stay_within_the_range_of_grades() -> None:
    of = students(60)
    narrow = replace(of, schema=replace(of.schema, grade_range=(7.0, 7.2)))
    forecasts = fitted(narrow).predict(narrow).forecasts[:, 1:]
    assert np.nanmin(forecasts) >= 7.0
    assert np.nanmax(forecasts) <= 7.2


def test_each_student_is_held_out_by_a_member_and_ranges_are_of_it(forecaster: Forecaster) -> None:
    assert forecaster.calibration is not None
    assert forecaster.calibration.by == "College Code"
    spread = forecaster.predict(students(unfinished=True)).spread[:, 1:]
    assert (spread[np.isfinite(spread)] > 0).all()
    assert np.isfinite(spread[:, 0]).any()
    without = fitted(students(), validation_size=0.0, patience=0)
    assert without.calibration is None
    assert np.isnan(without.predict(students()).spread).all()


def test_training_side_by_side_changes_no_byte(tmp_path: Path) -> None:
    cohorts = [students(60, seed=seed) for seed in range(3)]
    saved = []
    for workers in (1, 2):
        trained = fit_forecasters(cohorts, [1, 2, 3], MODEL, TRAIN, None, workers)
        for number, each in enumerate(trained):
            each.forecaster.save(tmp_path / f"{number}")
        saved.append([(tmp_path / f"{number}").read_bytes() for number in range(3)])
    assert saved[0] == saved[1]


def test_what_is_saved_and_loaded_forecasts_alike(forecaster: Forecaster, tmp_path: Path) -> None:
    path = tmp_path / "forecaster.safetensors"
    forecaster.save(path)
    loaded, asked = Forecaster.load(path), students(20, seed=5, unfinished=True)
    assert loaded.schema == forecaster.schema
    assert loaded.calibration == forecaster.calibration
    np.testing.assert_array_equal(loaded.predict_next(asked)[0], forecaster.predict_next(asked)[0])
    first = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04\x95pickle", b"\x00" * 64])
def test_a_file_that_is_no_forecaster_is_refused_in_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no forecaster of this version"):
        Forecaster.load(path)
    with pytest.raises(InputError, match="no such file; `dvc repro train` makes it"):
        Forecaster.load(tmp_path / "none")


def test_the_reference_recipe_learns_the_last_semester_from_complete_rows_alone() -> None:
    """Its inputs are one step of all grades; who lacks one teaches nothing."""
    changes = {"layout": "flat", "output": "relu", "linear_path": False, "category_slopes": 0}
    changes["flexible"] = FEW.model_copy(update={"members": 0})
    model = MODEL.model_copy(update=changes)
    changes = {"standardize": False, "every_semester": False, "validation_size": 0.0}
    train = TRAIN.model_copy(update=changes)
    of = with_grades(students(60, unfinished=True).grades)
    complete = of[np.flatnonzero(of.complete)]
    one, other = fit_forecasters([of, complete], [1, 1], model, train, None)
    assert one.forecaster.architecture.numbers == len(TERMS) - 1
    forecasts = one.forecaster.predict(complete).forecasts
    assert np.isnan(forecasts[:, :-1]).all()
    np.testing.assert_allclose(forecasts, other.forecaster.predict(complete).forecasts, atol=1e-4)
